package render

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

// client answers the engine's `lookup` by asking the host.
type client struct {
	ask func(apiVersion, kind, namespace, name string) (string, error)
}

// GetClientFor is asked for each kind. Whether a kind has namespaces is the host's to know.
func (c client) GetClientFor(apiVersion, kind string) (dynamic.NamespaceableResourceInterface, bool, error) {
	return objects{client: c, apiVersion: apiVersion, kind: kind}, true, nil
}

// objects are those of one kind, in a namespace or in all.
type objects struct {
	client                      client
	apiVersion, kind, namespace string
}

func (o objects) Namespace(namespace string) dynamic.ResourceInterface {
	o.namespace = namespace
	return o
}

func (o objects) Get(_ context.Context, name string, _ metav1.GetOptions, _ ...string) (*unstructured.Unstructured, error) {
	object, err := o.ask(name)
	return &unstructured.Unstructured{Object: object}, err
}

func (o objects) List(context.Context, metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	object, err := o.ask("")
	return &unstructured.UnstructuredList{Object: object}, err
}

func (o objects) ask(name string) (map[string]any, error) {
	if o.client.ask == nil {
		return nil, apierrors.ErrNotFound
	}
	text, err := o.client.ask(o.apiVersion, o.kind, o.namespace, name)
	if err != nil {
		return nil, fmt.Errorf("looking up %s %s: %w", o.apiVersion, o.kind, err)
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return nil, fmt.Errorf("looking up %s %s: the answer is no object: %w", o.apiVersion, o.kind, err)
	}
	if object == nil {
		return nil, apierrors.ErrNotFound
	}
	return object, nil
}
