// Package discovery asks a cluster which kinds it has.
package discovery

import (
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// DiscoveryClient asks a cluster.
type DiscoveryClient struct{}

// NewDiscoveryClientForConfig always fails: no cluster is reached from here.
func NewDiscoveryClientForConfig(*rest.Config) (*DiscoveryClient, error) {
	return nil, errors.New("no cluster is reached from a component; the plugin brings its own client")
}

// ServerResourcesForGroupVersion always fails, as no client was made.
func (*DiscoveryClient) ServerResourcesForGroupVersion(string) (*metav1.APIResourceList, error) {
	return nil, errors.New("no cluster is reached from a component; the plugin brings its own client")
}
