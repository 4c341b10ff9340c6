//go:generate sh build.sh

// Command my-plugin makes a ConfigMap of the text files of a folder.
package main

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"colchis/sdk"
	"colchis/sdk/renderer"
)

// schema is that of what users write below the renderer's name.
const schema = `{
	"type": "object",
	"additionalProperties": false,
	"properties": {
		"name": {"type": "string", "description": "the ConfigMap's name; the application's by default"}
	}
}`

type config struct {
	Name *string `json:"name"`
}

type texts struct{}

func init() { renderer.Register(texts{}) }

func main() {}

func (texts) Info() sdk.Info {
	return sdk.Info{
		Name: "my-plugin", Version: "0.1.0", Summary: "Makes a ConfigMap of the text files of a folder", Schema: schema,
	}
}

func (texts) Check(text string) []sdk.Finding {
	var asked config
	if err := sdk.Decode(text, &asked); err != nil {
		return sdk.Findings(err)
	}
	if asked.Name != nil && *asked.Name == "" {
		return []sdk.Finding{{Field: "name", Message: "expected a name, or no field `name`"}}
	}
	return nil
}

func (texts) Detect(files sdk.Tree, path string) (bool, error) {
	found := false
	err := sdk.Walk(files, path, func(path string, _ sdk.Entry) error {
		found = found || strings.HasSuffix(path, ".txt")
		return nil
	})
	return found, err
}

// Requirements is nothing: all that is rendered is in the tree.
func (texts) Requirements(*renderer.Request) ([]renderer.Requirement, error) { return nil, nil }

func (texts) Render(request *renderer.Request) (*renderer.Rendered, error) {
	var asked config
	if err := sdk.Decode(request.Config, &asked); err != nil {
		return nil, err
	}
	name := request.Release.Name
	if asked.Name != nil {
		name = *asked.Name
	}
	data := map[string]string{}
	err := sdk.Walk(request.Files, request.Path, func(path string, _ sdk.Entry) error {
		if !strings.HasSuffix(path, ".txt") {
			return nil
		}
		text, err := request.Files.Read(path)
		if err != nil {
			return err
		}
		if !utf8.Valid(text) {
			return sdk.Failed("no-text", "%s is no text in UTF-8", path)
		}
		// Keys of a ConfigMap have no slashes.
		data[strings.ReplaceAll(path, "/", ".")] = string(text)
		return nil
	})
	if err != nil {
		return nil, err
	}
	object, err := json.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata":   map[string]string{"name": name, "namespace": request.Release.Namespace},
		"data":       data,
	})
	if err != nil {
		return nil, err
	}
	return &renderer.Rendered{Manifests: []renderer.Manifest{{Object: string(object)}}}, nil
}
