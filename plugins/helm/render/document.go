package render

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"colchis/sdk"

	"sigs.k8s.io/yaml"
	yamlv3 "sigs.k8s.io/yaml/goyaml.v3"
)

// document is a text of YAML that a template gave, and the template's path.
type document struct{ file, text string }

// objects are the objects in it, those of lists one by one.
func (d document) objects() ([]map[string]any, error) {
	var found []map[string]any
	// Helm cuts the last line's end off, and prints it again: without it, a text in the manifest that ends there would lose its own.
	decoder := yamlv3.NewDecoder(strings.NewReader(d.text + "\n"))
	for {
		var node yamlv3.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, sdk.Failed("bad-manifest", "%s is no YAML: %v", d.file, err)
		}
		one, err := yamlv3.Marshal(&node)
		if err != nil {
			return nil, sdk.Failed("bad-manifest", "%s is no YAML: %v", d.file, err)
		}
		var object map[string]any
		if err := yaml.Unmarshal(one, &object); err != nil {
			return nil, sdk.Failed("bad-manifest", "a document of %s is no object: %v", d.file, err)
		}
		if len(object) == 0 {
			continue
		}
		found = append(found, flatten(object)...)
	}
}

// flatten takes a list apart.
func flatten(object map[string]any) []map[string]any {
	items, ok := object["items"].([]any)
	if !ok || object["kind"] != "List" {
		return []map[string]any{object}
	}
	var found []map[string]any
	for _, item := range items {
		if inner, ok := item.(map[string]any); ok {
			found = append(found, flatten(inner)...)
		}
	}
	return found
}

// text is documents as `helm template` prints them.
func text(documents []document) string {
	var made strings.Builder
	for _, one := range documents {
		fmt.Fprintf(&made, "---\n# Source: %s\n%s\n", one.file, one.text)
	}
	return made.String()
}
