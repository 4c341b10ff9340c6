//go:build !wasip1

package host

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"hash"
	"io"
	"net"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"

	"colchis/sdk"
)

// Line is a line of the log.
type Line struct {
	Level   uint8
	Message string
	Fields  [][2]string
}

type entry struct {
	value   []byte
	version uint64
}

// Fakes is what tests find in the host's place. Each test begins with Reset.
type Fakes struct {
	Secrets   map[string][]byte // by the grant's name; `stand-in-for-NAME` stands for one
	Log       []Line
	Cancelled bool
	Left      time.Duration
	Peers     func(address string) (Peer, error) // who answers connections; real servers where there is none
	Blobs     map[string][]byte
	Artifacts map[string]map[string][]byte // of a step: files by path
	Output    []byte                       // a step's log
	state     map[string]entry
	versions  uint64
}

var (
	mutex sync.Mutex
	fakes = fresh()
)

func fresh() *Fakes {
	return &Fakes{
		Secrets: map[string][]byte{}, state: map[string]entry{}, Left: time.Minute,
		Blobs: map[string][]byte{}, Artifacts: map[string]map[string][]byte{},
	}
}

// Reset makes everything as at the beginning.
func Reset() { With(func(f *Fakes) { *f = *fresh() }) }

// With looks at the stand-ins, or changes them.
func With(do func(*Fakes)) {
	mutex.Lock()
	defer mutex.Unlock()
	do(fakes)
}

// StandInPrefix is what stand-ins of tests begin with.
const StandInPrefix = "stand-in-for-"

func IsCancelled() (is bool) {
	With(func(f *Fakes) { is = f.Cancelled })
	return is
}

func Remaining() (left time.Duration) {
	With(func(f *Fakes) { left = f.Left })
	return left
}

func LogEnabled(uint8) bool { return true }

func Log(level uint8, message string, fields [][2]string) {
	With(func(f *Fakes) { f.Log = append(f.Log, Line{level, message, fields}) })
}

func StandIn(name string) (string, error) {
	if _, err := Reveal(name); err != nil {
		return "", err
	}
	return StandInPrefix + name, nil
}

func Reveal(name string) (value []byte, err error) {
	With(func(f *Fakes) {
		var granted bool
		if value, granted = f.Secrets[name]; !granted {
			err = sdk.Refused("not-granted", "the secret `%s` is not granted: sdktest.SetSecret grants it", name)
		}
	})
	return value, err
}

// filled is a text with the values of secrets in the places of their stand-ins, as the host sends it.
func filled(text string) string {
	With(func(f *Fakes) {
		names := make([]string, 0, len(f.Secrets))
		for name := range f.Secrets {
			names = append(names, name)
		}
		// The longest first: one name may begin with another.
		sort.Slice(names, func(i, j int) bool { return len(names[i]) > len(names[j]) })
		for _, name := range names {
			text = strings.ReplaceAll(text, StandInPrefix+name, string(f.Secrets[name]))
		}
	})
	return text
}

func Base64(text string) (string, error) {
	return base64.StdEncoding.EncodeToString([]byte(filled(text))), nil
}

func Sign(key, algorithm string, message []byte) ([]byte, error) {
	hashes := map[string]func() hash.Hash{"hmac-sha1": sha1.New, "hmac-sha256": sha256.New, "hmac-sha512": sha512.New}
	made, known := hashes[algorithm]
	if !known {
		return nil, sdk.Failed("unknown-algorithm", "tests sign with HMACs alone, and not with %s", algorithm)
	}
	name, is := strings.CutPrefix(key, StandInPrefix)
	if !is {
		return nil, sdk.Refused("no-stand-in", "`%s` stands for no secret", key)
	}
	value, err := Reveal(name)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(made, value)
	mac.Write(message)
	return mac.Sum(nil), nil
}

func VerifyMAC(key, algorithm string, message, mac []byte) (bool, error) {
	made, err := Sign(key, algorithm, message)
	return err == nil && hmac.Equal(made, mac), err
}

func SignAWS(credentials string, _ AWSRequest) ([][2]string, error) {
	if _, err := Reveal(credentials); err != nil {
		return nil, err
	}
	return [][2]string{{"authorization", "AWS4-HMAC-SHA256 Credential=" + credentials}}, nil
}

func StateGet(key string) (value []byte, version uint64, found bool, err error) {
	With(func(f *Fakes) {
		var kept entry
		if kept, found = f.state[key]; found {
			value, version = append([]byte(nil), kept.value...), kept.version
		}
	})
	return value, version, found, nil
}

func StateSet(key string, value []byte, expected Expected) (version uint64, err error) {
	With(func(f *Fakes) {
		kept, found := f.state[key]
		if expected.Absent && found || expected.Version != 0 && kept.version != expected.Version {
			err = sdk.Failed("conflict", "the state `%s` is otherwise than was expected", key)
			return
		}
		f.versions++
		version = f.versions
		f.state[key] = entry{append([]byte(nil), value...), version}
	})
	return version, err
}

func StateDelete(key string) error {
	With(func(f *Fakes) { delete(f.state, key) })
	return nil
}

func StateKeys(prefix, after string, limit uint32) ([]string, error) {
	var keys []string
	With(func(f *Fakes) {
		for key := range f.state {
			if strings.HasPrefix(key, prefix) && key > after {
				keys = append(keys, key)
			}
		}
	})
	sort.Strings(keys)
	return keys[:min(len(keys), int(limit))], nil
}

// Send asks a real server: what tests give is an address of `net/http/httptest`. Redirects are not followed, as the host follows none.
func Send(request *Request) (*Response, error) {
	scheme := "http://"
	if request.TLS {
		scheme = "https://"
	}
	ctx, cancel := context.WithTimeout(context.Background(), request.Timeout)
	defer cancel()
	body := bytes.NewReader([]byte(filled(string(request.Body))))
	asked, err := http.NewRequestWithContext(ctx, request.Method, scheme+request.Authority+filled(request.Path), body)
	if err != nil {
		return nil, sdk.Invalid("", "the request to %s cannot be sent: %v", request.Authority, err)
	}
	for _, header := range request.Headers {
		asked.Header.Add(header[0], filled(header[1]))
	}
	answer, err := http.DefaultTransport.RoundTrip(asked)
	if err != nil {
		return nil, unreachable(request, err)
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(io.LimitReader(answer.Body, int64(request.BodyBytesMax)+1))
	if err != nil {
		return nil, unreachable(request, err)
	}
	if len(read) > request.BodyBytesMax {
		return nil, tooLong(request)
	}
	made := &Response{Status: answer.StatusCode, Body: read}
	for name, values := range answer.Header {
		for _, value := range values {
			made.Headers = append(made.Headers, [2]string{strings.ToLower(name), value})
		}
	}
	return made, nil
}

func unreachable(request *Request, err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return late(request)
	}
	return sdk.NotThere("http", "%s cannot be asked: %v", request.Authority, err)
}
