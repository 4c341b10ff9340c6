// Package v1beta1 adds the version of custom resource definitions to the known ones.
package v1beta1

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// AddToScheme adds it.
func AddToScheme(known *scheme.Known) error {
	known.Add(schema.GroupVersion{Group: "apiextensions.k8s.io", Version: "v1beta1"})
	return nil
}
