// Package render makes manifests of a folder of Jsonnet files, with the YAML and JSON files beside them.
//
//	files of the folder, chosen by patterns ──► *.jsonnet evaluated, imports from the tree ──► objects, lists taken apart
//	                                        └─► *.yaml, *.yml, *.json read as they are
//
// Invariants: nothing is read but the tree; files in the order of their paths. It must not know how the tree was fetched.
package render

import (
	_ "embed" // the schema
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"colchis/sdk"
	"colchis/sdk/renderer"

	"github.com/gobwas/glob"
	jsonnet "github.com/google/go-jsonnet"
)

//go:embed schema.json
var schema string

// Config is the renderer's configuration: the fields of an application's `source.directory`.
type Config struct {
	Recurse bool    `json:"recurse"`
	Include string  `json:"include"`
	Exclude string  `json:"exclude"`
	Jsonnet Options `json:"jsonnet"`
}

// Options is what Jsonnet is given.
type Options struct {
	ExtVars []Variable `json:"extVars"`
	TLAs    []Variable `json:"tlas"`
	Libs    []string   `json:"libs"`
}

// Variable is a text, or Jsonnet code when Code is set.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Code  bool   `json:"code"`
}

// Jsonnet is the renderer.
type Jsonnet struct{}

// Info says what the plugin is.
func (Jsonnet) Info() sdk.Info {
	return sdk.Info{
		Name: "jsonnet", Version: "1.0.0", Schema: schema,
		Summary: "Evaluates Jsonnet files to manifests with go-jsonnet.",
	}
}

// Check looks at a configuration.
func (Jsonnet) Check(text string) []sdk.Finding {
	config := &Config{}
	if err := sdk.Decode(text, config); err != nil {
		own := sdk.AsError(err)
		return []sdk.Finding{{Field: own.Field, Message: own.Message}}
	}
	return config.check()
}

func (c *Config) check() []sdk.Finding {
	var found []sdk.Finding
	wrong := func(field, message string) { found = append(found, sdk.Finding{Field: field, Message: message}) }
	for field, list := range map[string][]Variable{"jsonnet.extVars": c.Jsonnet.ExtVars, "jsonnet.tlas": c.Jsonnet.TLAs} {
		for i, variable := range list {
			if variable.Name == "" {
				wrong(fmt.Sprintf("%s[%d].name", field, i), "a name is expected")
			}
			if variable.Code {
				if _, err := jsonnet.SnippetToAST(variable.Name, variable.Value); err != nil {
					wrong(fmt.Sprintf("%s[%d].value", field, i), "Jsonnet code is expected: "+err.Error())
				}
			}
		}
	}
	for field, pattern := range map[string]string{"include": c.Include, "exclude": c.Exclude} {
		if _, err := glob.Compile(pattern); err != nil {
			wrong(field, "a pattern of paths is expected, as {a,b}*.yaml: "+err.Error())
		}
	}
	return found
}

// Detect says whether a folder has a Jsonnet file right in it.
func (Jsonnet) Detect(files sdk.Tree, folder string) (bool, error) {
	entries, err := files.List(folder)
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		if !entry.Folder && path.Ext(entry.Name) == ".jsonnet" {
			return true, nil
		}
	}
	return false, nil
}

// Requirements are none: libraries lie in the tree.
func (Jsonnet) Requirements(*renderer.Request) ([]renderer.Requirement, error) { return nil, nil }

// Render evaluates and reads the chosen files, in the order of their paths.
func (j Jsonnet) Render(request *renderer.Request) (*renderer.Rendered, error) {
	config := &Config{}
	if err := sdk.Decode(request.Config, config); err != nil {
		return nil, err
	}
	if found := config.check(); len(found) > 0 {
		return nil, sdk.Invalid(found[0].Field, "%s", found[0].Message)
	}
	names, err := config.choose(request.Files, request.Path)
	if err != nil {
		return nil, err
	}
	made := &renderer.Rendered{}
	for _, name := range names {
		objects, err := config.objects(request, name)
		if err != nil {
			return nil, err
		}
		for _, object := range objects {
			text, err := json.Marshal(object)
			if err != nil {
				return nil, sdk.Failed("bad-manifest", "an object of %s cannot be written as JSON: %v", name, err)
			}
			made.Manifests = append(made.Manifests, renderer.Manifest{Object: string(text), File: name})
		}
	}
	return made, nil
}

// choose gives the files that are manifests. Patterns are matched with the path from the folder on.
func (c *Config) choose(tree sdk.Tree, folder string) ([]string, error) {
	include, err := pattern(c.Include)
	if err != nil {
		return nil, err
	}
	exclude, err := pattern(c.Exclude)
	if err != nil {
		return nil, err
	}
	var names []string
	err = sdk.Walk(shallow{tree, !c.Recurse}, folder, func(name string, _ sdk.Entry) error {
		inside := strings.TrimPrefix(strings.TrimPrefix(name, folder), "/")
		switch path.Ext(name) {
		case ".jsonnet", ".json", ".yaml", ".yml":
			if (include == nil || include.Match(inside)) && (exclude == nil || !exclude.Match(inside)) {
				names = append(names, name)
			}
		}
		return nil
	})
	return names, err
}

func pattern(text string) (glob.Glob, error) {
	if text == "" {
		return nil, nil
	}
	return glob.Compile(text)
}

// shallow is a tree without folders in its folders.
type shallow struct {
	sdk.Tree
	on bool
}

func (s shallow) List(folder string) ([]sdk.Entry, error) {
	entries, err := s.Tree.List(folder)
	if err != nil || !s.on {
		return entries, err
	}
	files := entries[:0:0]
	for _, entry := range entries {
		if !entry.Folder {
			files = append(files, entry)
		}
	}
	return files, nil
}

func (c *Config) objects(request *renderer.Request, name string) ([]map[string]any, error) {
	if path.Ext(name) != ".jsonnet" {
		text, err := request.Files.Read(name)
		if err != nil {
			return nil, err
		}
		return documents(name, text)
	}
	text, err := c.evaluate(request, name)
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return nil, sdk.Failed("bad-manifest", "%s gives no JSON: %v", name, err)
	}
	return flatten(name, value)
}

// evaluate runs one file, as `jsonnet` prints it.
func (c *Config) evaluate(request *renderer.Request, name string) (string, error) {
	vm := jsonnet.MakeVM()
	vm.Importer(newImporter(request, c.Jsonnet.Libs))
	for _, variable := range c.Jsonnet.ExtVars {
		if variable.Code {
			vm.ExtCode(variable.Name, variable.Value)
		} else {
			vm.ExtVar(variable.Name, variable.Value)
		}
	}
	for _, variable := range c.Jsonnet.TLAs {
		if variable.Code {
			vm.TLACode(variable.Name, variable.Value)
		} else {
			vm.TLAVar(variable.Name, variable.Value)
		}
	}
	text, err := vm.EvaluateFile(name)
	if err != nil {
		return "", sdk.Failed("evaluation-failed", "%s: %v", name, strings.TrimSpace(err.Error()))
	}
	return text, nil
}
