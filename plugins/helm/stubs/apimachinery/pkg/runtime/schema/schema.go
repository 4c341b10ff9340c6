// Package schema names kinds and resources.
package schema

import "strings"

// GroupVersion is a group and a version.
type GroupVersion struct{ Group, Version string }

func (gv GroupVersion) String() string {
	if gv.Group == "" {
		return gv.Version
	}
	return gv.Group + "/" + gv.Version
}

// GroupVersionKind is a kind of a group and version.
type GroupVersionKind struct{ Group, Version, Kind string }

// GroupVersion is the kind's.
func (gvk GroupVersionKind) GroupVersion() GroupVersion {
	return GroupVersion{Group: gvk.Group, Version: gvk.Version}
}

func (gvk GroupVersionKind) String() string {
	return gvk.Group + "/" + gvk.Version + ", Kind=" + gvk.Kind
}

// GroupVersionResource is a resource of a group and version.
type GroupVersionResource struct{ Group, Version, Resource string }

// FromAPIVersionAndKind reads an object's `apiVersion` and `kind`.
func FromAPIVersionAndKind(apiVersion, kind string) GroupVersionKind {
	group, version, found := strings.Cut(apiVersion, "/")
	if !found {
		group, version = "", apiVersion
	}
	return GroupVersionKind{Group: group, Version: version, Kind: kind}
}
