// Command kubetest is a real Kubernetes control plane for tests, in one program.
//
//	kubetest serve DIR ETCD     etcd, the API server and the garbage collector, all on loopback and ephemeral ports, until stdin closes
//	kubetest kube-apiserver …   the API server itself (what serve starts)
//	kubetest kube-controller-manager …
//
// serve keeps everything below DIR, prints one line of JSON when the API server is ready, and ends what it started when its standard
// input closes: also when the test that holds the other end is killed.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	part := os.Args[1]
	switch part {
	case "serve":
		if len(os.Args) != 4 {
			usage()
		}
		if err := serve(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, "kubetest:", err)
			os.Exit(1)
		}
	case "kube-apiserver":
		become(apiserver.NewAPIServerCommand())
	case "kube-controller-manager":
		become(controllers.NewControllerManagerCommand())
	default:
		usage()
	}
}

// become runs a part of Kubernetes with the flags behind its name.
func become(part *cobra.Command) {
	part.SetArgs(os.Args[2:])
	os.Exit(cli.Run(part))
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: kubetest serve DIR ETCD | kube-apiserver FLAGS | kube-controller-manager FLAGS")
	os.Exit(2)
}
