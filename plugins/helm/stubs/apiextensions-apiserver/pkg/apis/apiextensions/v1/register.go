// Package v1 adds the version of custom resource definitions to the known ones.
package v1

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// AddToScheme adds it.
func AddToScheme(known *scheme.Known) error {
	known.Add(schema.GroupVersion{Group: "apiextensions.k8s.io", Version: "v1"})
	return nil
}
