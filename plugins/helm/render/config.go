// Package render makes manifests of Helm charts as `helm template` does, of a tree in memory or of a host.
//
//	configuration ──► chart of the tree, dependencies ──► values, the later over the earlier ──► engine ──► CRDs, manifests, hooks
//
// Invariants: nothing is read but trees; the same input gives the same output; what the chart's author wrote is rendered by the Helm engine itself.
// It must not know how things are fetched, nor what hooks and waves mean to whoever applies manifests.
package render

import (
	_ "embed" // the schema
	"fmt"
	"regexp"
	"strings"

	"colchis/sdk"

	"helm.sh/helm/v3/pkg/chartutil"
)

//go:embed schema.json
var schema string

// Config is the renderer's configuration: the fields of an application's `source.helm`.
type Config struct {
	ReleaseName             string          `json:"releaseName"`
	ValueFiles              []string        `json:"valueFiles"`
	IgnoreMissingValueFiles bool            `json:"ignoreMissingValueFiles"`
	Values                  string          `json:"values"`
	ValuesObject            map[string]any  `json:"valuesObject"`
	Parameters              []Parameter     `json:"parameters"`
	FileParameters          []FileParameter `json:"fileParameters"`
	Namespace               string          `json:"namespace"`
	KubeVersion             string          `json:"kubeVersion"`
	APIVersions             []string        `json:"apiVersions"`
	SkipCrds                bool            `json:"skipCrds"`
	SkipTests               bool            `json:"skipTests"`
	SkipSchemaValidation    bool            `json:"skipSchemaValidation"`
	PassCredentials         bool            `json:"passCredentials"`
	Version                 string          `json:"version"`
}

// Parameter is one value by its path: Helm's `--set`, or `--set-string` when it is to stay a text.
type Parameter struct {
	Name        string `json:"name"`
	Value       string `json:"value"`
	ForceString bool   `json:"forceString"`
}

// FileParameter is one value that is a file's content: Helm's `--set-file`.
type FileParameter struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// Helm's own rule for names of releases.
var releaseName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// releaseNameMax is Helm's own limit.
const releaseNameMax = 53

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
	wrong := func(field, format string, args ...any) {
		found = append(found, sdk.Finding{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if c.ReleaseName != "" && (len(c.ReleaseName) > releaseNameMax || !releaseName.MatchString(c.ReleaseName)) {
		wrong("releaseName", "lower case letters, digits, `-` and `.` are expected, at most %d", releaseNameMax)
	}
	if c.KubeVersion != "" {
		if _, err := chartutil.ParseKubeVersion(c.KubeVersion); err != nil {
			wrong("kubeVersion", "a version is expected, as 1.34.0: %v", err)
		}
	}
	if c.Version != "" && c.Version != "v3" {
		wrong("version", "charts are rendered by Helm 3; leave it out, or write v3")
	}
	for i, parameter := range c.Parameters {
		if parameter.Name == "" {
			wrong(fmt.Sprintf("parameters[%d].name", i), "the path of a value is expected, as image.tag")
		}
	}
	for i, parameter := range c.FileParameters {
		if parameter.Name == "" {
			wrong(fmt.Sprintf("fileParameters[%d].name", i), "the path of a value is expected, as config")
		}
		if parameter.Path == "" {
			wrong(fmt.Sprintf("fileParameters[%d].path", i), "the path of a file is expected")
		}
	}
	if c.Values != "" && c.ValuesObject == nil {
		if _, err := chartutil.ReadValues([]byte(c.Values)); err != nil {
			wrong("values", "YAML with an object is expected: %v", err)
		}
	}
	if c.Values != "" && c.ValuesObject != nil {
		found = append(found, sdk.Finding{Warning: true, Field: "values", Message: "nobody reads it: valuesObject is there, and wins"})
	}
	if c.PassCredentials {
		found = append(found, sdk.Finding{Warning: true, Field: "passCredentials",
			Message: "nothing is done with it: which credentials a repository is given is for its operator to say"})
	}
	return found
}

// expand puts the application's environment in place of `$NAME` and `${NAME}`; `$$` is a `$`. Names that are not there stay as they are written.
func expand(text string, environment map[string]string) string {
	if !strings.Contains(text, "$") {
		return text
	}
	return variable.ReplaceAllStringFunc(text, func(found string) string {
		if found == "$$" {
			return "$"
		}
		if value, ok := environment[strings.Trim(found, "${}")]; ok {
			return value
		}
		return found
	})
}

var variable = regexp.MustCompile(`\$\$|\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$[A-Za-z_][A-Za-z0-9_]*`)
