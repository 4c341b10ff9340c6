package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"colchis/sdk"

	yamlv3 "sigs.k8s.io/yaml/goyaml.v3"
)

// document is a text of YAML that a template gave, and the template's path.
type document struct {
	file, text string
	kind       string
	test       bool   // a hook of `helm test`
	object     string // the text as JSON, where it was read already
}

// objects are the objects in it as JSON, those of lists one by one.
func (d document) objects() ([]string, error) {
	if !severalDocuments(d.text) {
		object, err := d.object, error(nil)
		if object == "" {
			object, err = toJSON(d.text)
		}
		if err != nil {
			return nil, sdk.Failed("bad-manifest", "%s is no YAML: %v", d.file, err)
		}
		return d.flat(object)
	}
	var found []string
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
		object, err := toJSON(string(one))
		if err != nil {
			return nil, sdk.Failed("bad-manifest", "a document of %s is no object: %v", d.file, err)
		}
		objects, err := d.flat(object)
		if err != nil {
			return nil, err
		}
		found = append(found, objects...)
	}
}

// severalDocuments says whether a text may have more documents than one, or marks the only one.
func severalDocuments(text string) bool {
	for _, mark := range []string{"---", "..."} {
		if strings.HasPrefix(text, mark) || strings.Contains(text, "\n"+mark) {
			return true
		}
	}
	return false
}

// flat takes a list apart; nothing has no objects.
func (d document) flat(object string) ([]string, error) {
	if object == "null" || object == "{}" {
		return nil, nil
	}
	if !strings.HasPrefix(object, "{") {
		return nil, sdk.Failed("bad-manifest", "a document of %s is no object, but %s", d.file, shortened(object))
	}
	// Most are no list, and need not be read again to be known as none.
	if !strings.Contains(object, `"List"`) {
		return []string{object}, nil
	}
	var list struct {
		Kind  string            `json:"kind"`
		Items []json.RawMessage `json:"items"`
	}
	if json.Unmarshal([]byte(object), &list) != nil || list.Kind != "List" || list.Items == nil {
		return []string{object}, nil
	}
	var found []string
	for _, item := range list.Items {
		if !strings.HasPrefix(string(item), "{") || string(item) == "{}" {
			continue
		}
		inner, err := d.flat(string(item))
		if err != nil {
			return nil, err
		}
		found = append(found, inner...)
	}
	return found, nil
}

// shortened is the beginning of a text.
func shortened(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// text is documents as `helm template` prints them.
func text(documents []document) string {
	var made strings.Builder
	for _, one := range documents {
		fmt.Fprintf(&made, "---\n# Source: %s\n%s\n", one.file, one.text)
	}
	return made.String()
}
