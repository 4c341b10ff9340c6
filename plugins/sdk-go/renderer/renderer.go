// Package renderer is for plugins that make manifests of a source tree: the kind `colchis:manifest-renderer`.
//
// A plugin implements Renderer and calls Register in an `init` of its main package. Nothing here needs WebAssembly, so a renderer is tested with `go test`
// and a tree in memory (sdk.Files).
package renderer

import "colchis/sdk"

// Renderer is what a plugin implements. An error that is an *sdk.Error is told as it is.
type Renderer interface {
	// Info says what the plugin is. Pure: the same answer each time.
	Info() sdk.Info
	// Check looks at a configuration that has passed the schema: all that is wrong with it, at once.
	Check(config string) []sdk.Finding
	// Detect says whether a folder is one for this renderer.
	Detect(files sdk.Tree, path string) (bool, error)
	// Requirements names what must be fetched first. Asked again when that was done, until nothing more is named.
	Requirements(request *Request) ([]Requirement, error)
	// Render makes the manifests.
	Render(request *Request) (*Rendered, error)
}

// Request is what is to be rendered.
type Request struct {
	Config  string   // the renderer's configuration, as JSON
	Files   sdk.Tree // the source tree
	Path    string   // the folder in it that is to be rendered
	Fetched map[string]sdk.Tree
	Release Release
	// Lookup gives an object of the destination as JSON, all of them in a list when the name is empty, and `null` when there is none.
	Lookup func(apiVersion, kind, namespace, name string) (string, error)
}

// Release is what manifests are made for.
type Release struct {
	Name        string
	Namespace   string
	KubeVersion string   // as `v1.34.0`
	APIVersions []string // as `apps/v1` and `apps/v1/Deployment`
	Environment map[string]string
}

// Manifest is one object, as JSON.
type Manifest struct {
	Object string
	File   string // where it comes from; empty when that cannot be told
}

// Rendered is what rendering gave.
type Rendered struct {
	Manifests []Manifest
	Warnings  []string
	Notes     string // empty when there are none
}

// Requirement is something that the host is to fetch. Exactly one of the sources is set.
type Requirement struct {
	Name   string // by which Request.Fetched has it
	Digest string // `sha256:…` when it is known
	Chart  *Chart
	OCI    *OCI
	Git    *Git
	URL    string
}

// Chart is a chart of a Helm repository.
type Chart struct{ Repository, Name, Version string }

// OCI is an artifact of a registry: the reference without a tag, and the tag, digest or range.
type OCI struct{ Reference, Version string }

// Git is a folder of a repository.
type Git struct{ URL, Revision, Path string }
