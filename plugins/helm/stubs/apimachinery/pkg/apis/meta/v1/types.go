// Package v1 has what is said to a client about objects in general.
package v1

// GetOptions says how an object is read.
type GetOptions struct{}

// ListOptions says how objects are listed.
type ListOptions struct{}

// APIResource is a kind that a cluster has.
type APIResource struct {
	Name       string
	Namespaced bool
	Group      string
	Version    string
	Kind       string
}

// APIResourceList is the kinds of one group and version.
type APIResourceList struct{ APIResources []APIResource }
