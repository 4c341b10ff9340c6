// Package dynamic is what the engine says to a client of objects of any kind.
package dynamic

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// ResourceInterface reads objects of one kind.
type ResourceInterface interface {
	Get(ctx context.Context, name string, options metav1.GetOptions, subresources ...string) (*unstructured.Unstructured, error)
	List(ctx context.Context, options metav1.ListOptions) (*unstructured.UnstructuredList, error)
}

// NamespaceableResourceInterface reads them in one namespace or in all.
type NamespaceableResourceInterface interface {
	ResourceInterface
	Namespace(namespace string) ResourceInterface
}

// Interface is a client.
type Interface interface {
	Resource(resource schema.GroupVersionResource) NamespaceableResourceInterface
}

// NewForConfig always fails: no cluster is reached from here.
func NewForConfig(*rest.Config) (Interface, error) {
	return nil, errors.New("no cluster is reached from a component; the plugin brings its own client")
}
