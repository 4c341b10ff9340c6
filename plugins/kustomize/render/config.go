// Package render builds kustomizations as `kustomize build` does, of a tree in memory or of a host.
//
//	configuration ──► laid over the folder's kustomization ──► files copied to memory, remote bases in the place of their URLs ──► Kustomize ──► objects
//
// Invariants: the tree is only read; the same input gives the same output. It must not know how things are fetched.
package render

import (
	_ "embed" // the schema
	"fmt"
	"strings"

	"colchis/sdk"

	"sigs.k8s.io/kustomize/api/types"
)

//go:embed schema.json
var schema string

// Config is the renderer's configuration: the fields of an application's `source.kustomize`.
type Config struct {
	NamePrefix                string            `json:"namePrefix"`
	NameSuffix                string            `json:"nameSuffix"`
	Namespace                 string            `json:"namespace"`
	Images                    []string          `json:"images"`
	CommonLabels              map[string]string `json:"commonLabels"`
	ForceCommonLabels         bool              `json:"forceCommonLabels"`
	LabelWithoutSelector      bool              `json:"labelWithoutSelector"`
	LabelIncludeTemplates     bool              `json:"labelIncludeTemplates"`
	CommonAnnotations         map[string]string `json:"commonAnnotations"`
	CommonAnnotationsEnvsubst bool              `json:"commonAnnotationsEnvsubst"`
	ForceCommonAnnotations    bool              `json:"forceCommonAnnotations"`
	Replicas                  []Replica         `json:"replicas"`
	Patches                   []Patch           `json:"patches"`
	Components                []string          `json:"components"`
	IgnoreMissingComponents   bool              `json:"ignoreMissingComponents"`
	KubeVersion               string            `json:"kubeVersion"`
	APIVersions               []string          `json:"apiVersions"`
	Version                   string            `json:"version"`
}

// Replica is how many replicas the workloads of a name have.
type Replica struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// Patch changes the objects that its target selects.
type Patch struct {
	Path    string          `json:"path"`
	Patch   string          `json:"patch"`
	Target  *Target         `json:"target"`
	Options map[string]bool `json:"options"`
}

// Target selects objects by what is given of it.
type Target struct {
	Group              string `json:"group"`
	Version            string `json:"version"`
	Kind               string `json:"kind"`
	Name               string `json:"name"`
	Namespace          string `json:"namespace"`
	LabelSelector      string `json:"labelSelector"`
	AnnotationSelector string `json:"annotationSelector"`
}

func parse(text string) (*Config, error) {
	config := &Config{}
	if err := sdk.Decode(text, config); err != nil {
		return nil, err
	}
	return config, nil
}

// check is all that is wrong with a configuration, at once.
func (c *Config) check() []sdk.Finding {
	var found []sdk.Finding
	wrong := func(field, message string) { found = append(found, sdk.Finding{Field: field, Message: message}) }
	unread := func(field, message string) {
		found = append(found, sdk.Finding{Warning: true, Field: field, Message: message})
	}
	for i, text := range c.Images {
		if _, err := image(text); err != nil {
			wrong(fmt.Sprintf("images[%d]", i), err.Error())
		}
	}
	for i, replica := range c.Replicas {
		if replica.Name == "" {
			wrong(fmt.Sprintf("replicas[%d].name", i), "the name of a workload is expected")
		}
		if replica.Count < 0 {
			wrong(fmt.Sprintf("replicas[%d].count", i), "0 or more is expected")
		}
	}
	for i, patch := range c.Patches {
		field := fmt.Sprintf("patches[%d]", i)
		if (patch.Path == "") == (patch.Patch == "") {
			wrong(field, "either path or patch is expected")
		}
		for name := range patch.Options {
			if name != "allowNameChange" && name != "allowKindChange" {
				wrong(field+".options."+name, "there is no such option; allowNameChange and allowKindChange are known")
			}
		}
	}
	if c.Version != "" {
		wrong("version", "the component is one version of Kustomize, 5.8; leave it out, or install another component under another name")
	}
	if c.KubeVersion != "" {
		unread("kubeVersion", "nothing is done with it: Kustomize asks for it for charts alone, which the renderer helm is for")
	}
	if len(c.APIVersions) > 0 {
		unread("apiVersions", "nothing is done with it: Kustomize asks for it for charts alone, which the renderer helm is for")
	}
	if c.CommonAnnotationsEnvsubst && len(c.CommonAnnotations) == 0 {
		unread("commonAnnotationsEnvsubst", "there are no commonAnnotations")
	}
	return found
}

// image reads `name:tag`, `name@digest` and `old=new`, `old=new:tag`, `old=new@digest`.
func image(text string) (types.Image, error) {
	made := types.Image{}
	name, newer, renamed := strings.Cut(text, "=")
	if !renamed {
		newer = text
	}
	rest, digest, hasDigest := strings.Cut(newer, "@")
	if hasDigest {
		made.Digest = digest
	}
	// A colon before the last slash belongs to the registry's port.
	if colon := strings.LastIndex(rest, ":"); colon > strings.LastIndex(rest, "/") {
		if !hasDigest {
			made.NewTag = rest[colon+1:]
		}
		rest = rest[:colon]
	}
	if renamed {
		made.Name, made.NewName = name, rest
	} else {
		made.Name = rest
	}
	if made.Name == "" || (renamed && made.NewName == "") || (!renamed && made.NewTag == "" && made.Digest == "") {
		return made, fmt.Errorf("`%s` is no image: name:tag, name@digest, or old=new with one of both is expected", text)
	}
	return made, nil
}
