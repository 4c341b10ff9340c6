package render

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"colchis/sdk"

	kyaml "sigs.k8s.io/yaml"
	yamlv3 "sigs.k8s.io/yaml/goyaml.v3"
)

// documents are the objects of a file of YAML or JSON.
func documents(name string, text []byte) ([]map[string]any, error) {
	var found []map[string]any
	decoder := yamlv3.NewDecoder(bufio.NewReader(bytes.NewReader(text)))
	for {
		var node yamlv3.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, sdk.Failed("bad-manifest", "%s is no YAML: %v", name, err)
		}
		one, err := yamlv3.Marshal(&node)
		if err != nil {
			return nil, sdk.Failed("bad-manifest", "%s is no YAML: %v", name, err)
		}
		var value any
		if err := kyaml.Unmarshal(one, &value); err != nil {
			return nil, sdk.Failed("bad-manifest", "%s is no YAML: %v", name, err)
		}
		objects, err := flatten(name, value)
		if err != nil {
			return nil, err
		}
		found = append(found, objects...)
	}
}

// flatten takes lists apart: arrays, and objects of the kind List.
func flatten(name string, value any) ([]map[string]any, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		if items, ok := value["items"].([]any); ok && value["kind"] == "List" {
			return flatten(name, items)
		}
		if len(value) == 0 {
			return nil, nil
		}
		return []map[string]any{value}, nil
	case []any:
		var found []map[string]any
		for _, element := range value {
			objects, err := flatten(name, element)
			if err != nil {
				return nil, err
			}
			found = append(found, objects...)
		}
		return found, nil
	default:
		return nil, sdk.Failed("bad-manifest", "%s gives a %T; an object or a list of objects is expected", name, value)
	}
}
