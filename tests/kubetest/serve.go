package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const readyWithin = 90 * time.Second

// Ready is what serve prints, once.
type Ready struct {
	Server     string `json:"server"`
	Token      string `json:"token"`
	Kubeconfig string `json:"kubeconfig"`
	// Etcd speaks JSON below /v3, for tests that make the API server forget.
	Etcd string `json:"etcd"`
}

func serve(dir, etcd string) error {
	// The death signal of a child follows the thread that started it, so that thread stays.
	runtime.LockOSThread()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	cluster := &cluster{dir: dir, gone: make(chan string, 8)}
	defer cluster.stop()
	ready, err := cluster.start(etcd)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	select {
	case <-closed:
		return nil
	case name := <-cluster.gone:
		cluster.gone <- name
		return fmt.Errorf("%s ended by itself: %s", name, cluster.lastWords(name))
	}
}

// cluster is the set of processes, in the order in which they were started.
type cluster struct {
	dir     string
	running []*exec.Cmd
	gone    chan string
}

func (c *cluster) start(etcd string) (*Ready, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	client, peer, api := ports[0], ports[1], ports[2]
	if err := c.run("etcd", etcd,
		"--data-dir", c.path("etcd"),
		"--listen-client-urls", local("http", client), "--advertise-client-urls", local("http", client),
		"--listen-peer-urls", local("http", peer), "--initial-advertise-peer-urls", local("http", peer),
		"--initial-cluster", "default="+local("http", peer)); err != nil {
		return nil, err
	}
	token, err := c.secrets()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := c.run("kube-apiserver", self, "kube-apiserver",
		"--etcd-servers", local("http", client), "--bind-address", "127.0.0.1", "--secure-port", fmt.Sprint(api),
		"--cert-dir", c.path("certificates"), "--token-auth-file", c.path("tokens.csv"), "--authorization-mode", "RBAC",
		"--service-account-key-file", c.path("accounts.key"), "--service-account-signing-key-file", c.path("accounts.key"),
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-cluster-ip-range", "10.0.0.0/24",
		"--disable-admission-plugins", "ServiceAccount", "--profiling=false"); err != nil {
		return nil, err
	}
	server := local("https", api)
	if err := c.waitReady(server, token); err != nil {
		return nil, err
	}
	kubeconfig := c.path("kubeconfig")
	if err := c.writeKubeconfig(kubeconfig, server, token); err != nil {
		return nil, err
	}
	// Of the controllers only those that an empty cluster needs to delete what is owned and what lies in a namespace.
	if err := c.run("kube-controller-manager", self, "kube-controller-manager",
		"--kubeconfig", kubeconfig, "--leader-elect=false", "--secure-port", "0",
		"--controllers", "garbage-collector-controller,namespace-controller", "--kube-api-qps", "2000", "--kube-api-burst", "4000"); err != nil {
		return nil, err
	}
	return &Ready{Server: server, Token: token, Kubeconfig: kubeconfig, Etcd: local("http", client)}, nil
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

// run starts a program whose output goes to DIR/NAME.log.
func (c *cluster) run(name, program string, arguments ...string) error {
	log, err := os.Create(c.path(name + ".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(program, arguments...)
	command.Stdout, command.Stderr = log, log
	// A signal of the terminal is for us alone, and nothing outlives us, however we end.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	c.running = append(c.running, command)
	go func() {
		_ = command.Wait()
		c.gone <- name
	}()
	return nil
}

// stop ends what runs at once: the data is thrown away, so nobody has to finish anything.
func (c *cluster) stop() {
	for _, command := range c.running {
		_ = command.Process.Kill()
	}
	for range c.running {
		<-c.gone
	}
}

// secrets writes the key that signs service account tokens and the one token that may do everything.
func (c *cluster) secrets() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(c.path("accounts.key"), text, 0o600); err != nil {
		return "", err
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	token := hex.EncodeToString(random)
	return token, os.WriteFile(c.path("tokens.csv"), []byte(token+",admin,1,system:masters\n"), 0o600)
}

func (c *cluster) waitReady(server, token string) error {
	// The server makes its own certificate while it starts; the kubeconfig pins it afterwards.
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/readyz", nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		if response, err := client.Do(request); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case name := <-c.gone:
			c.gone <- name
			return fmt.Errorf("%s ended while it started: %s", name, c.lastWords(name))
		case <-ctx.Done():
			return fmt.Errorf("the API server was not ready within %s: %s", readyWithin, c.lastWords("kube-apiserver"))
		case <-tick.C:
		}
	}
}

func (c *cluster) writeKubeconfig(file, server, token string) error {
	certificate, err := os.ReadFile(filepath.Join(c.path("certificates"), "apiserver.crt"))
	if err != nil {
		return err
	}
	entry := func(name string, value map[string]any) []any {
		value["name"] = name
		return []any{value}
	}
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "Config",
		"clusters": entry("test", map[string]any{"cluster": map[string]any{
			"server": server, "certificate-authority-data": base64.StdEncoding.EncodeToString(certificate)}}),
		"users":           entry("admin", map[string]any{"user": map[string]any{"token": token}}),
		"contexts":        entry("test", map[string]any{"context": map[string]any{"cluster": "test", "user": "admin"}}),
		"current-context": "test",
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// lastWords is the end of a program's log, for the error that says it is gone.
func (c *cluster) lastWords(name string) string {
	text, _ := os.ReadFile(c.path(name + ".log"))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

func local(scheme string, port int) string { return fmt.Sprintf("%s://127.0.0.1:%d", scheme, port) }

// freePorts asks the system for ports that nobody uses, all at once so that they differ.
func freePorts(count int) ([]int, error) {
	var ports []int
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
