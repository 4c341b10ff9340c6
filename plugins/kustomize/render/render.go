package render

import (
	"path"
	"reflect"

	"colchis/sdk"
	"colchis/sdk/renderer"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
)

// Kustomize is the renderer.
type Kustomize struct{}

// root is where the source tree stands in memory.
const root = "/tree"

// Info says what the plugin is.
func (Kustomize) Info() sdk.Info {
	return sdk.Info{
		Name: "kustomize", Version: "1.0.0", Schema: schema,
		Summary: "Builds kustomizations with Kustomize 5.",
	}
}

// Check looks at a configuration.
func (Kustomize) Check(text string) []sdk.Finding {
	config, err := parse(text)
	if err != nil {
		own := sdk.AsError(err)
		return []sdk.Finding{{Field: own.Field, Message: own.Message}}
	}
	return config.check()
}

// Detect says whether a folder has a kustomization.
func (Kustomize) Detect(files sdk.Tree, folder string) (bool, error) {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		entry, err := files.Stat(path.Join(folder, name))
		if err == nil && !entry.Folder {
			return true, nil
		}
		if err != nil && !sdk.IsMissing(err) {
			return false, err
		}
	}
	return false, nil
}

// Requirements names remote bases that are not fetched yet, those of fetched ones too.
func (Kustomize) Requirements(request *renderer.Request) ([]renderer.Requirement, error) {
	_, named, err := prepare(request)
	return named, err
}

// Render builds the kustomization.
func (Kustomize) Render(request *renderer.Request) (*renderer.Rendered, error) {
	made, warnings, err := build(request)
	if err != nil {
		return nil, err
	}
	rendered := &renderer.Rendered{Warnings: warnings}
	for _, resource := range made.Resources() {
		object, err := resource.MarshalJSON()
		if err != nil {
			return nil, sdk.Failed("bad-manifest", "%s cannot be written as JSON: %v", resource.CurId(), err)
		}
		rendered.Manifests = append(rendered.Manifests, renderer.Manifest{Object: string(object)})
	}
	return rendered, nil
}

// prepare lays the configuration over the kustomization, and puts fetched bases in their places.
func prepare(request *renderer.Request) (*lazy, []renderer.Requirement, error) {
	config, err := parse(request.Config)
	if err != nil {
		return nil, nil, err
	}
	for _, finding := range config.check() {
		if !finding.Warning {
			return nil, nil, sdk.Invalid(finding.Field, "%s", finding.Message)
		}
	}
	files := newLazy()
	files.trees[root] = request.Files
	folder := path.Join(root, request.Path)
	name := kustomizationIn(files, folder)
	if name == "" {
		return nil, nil, sdk.Missing("there is no kustomization in `%s`", request.Path)
	}
	// A kustomization that nothing is laid over stays as its author wrote it.
	if reflect.DeepEqual(config, &Config{}) {
		config = nil
	}
	if err := config.overlay(files, folder, name, request); err != nil {
		return nil, nil, err
	}
	all := &bases{files: files, fetched: request.Fetched, visited: map[string]bool{}, placed: map[string]string{}}
	if err := all.visit(folder); err != nil {
		return nil, nil, err
	}
	return files, all.named, nil
}

func build(request *renderer.Request) (resmap.ResMap, []string, error) {
	files, named, err := prepare(request)
	if err != nil {
		return nil, nil, err
	}
	if len(named) > 0 {
		return nil, nil, sdk.Failed("missing-base", "the remote base %s was not fetched", named[0].Name)
	}
	options := krusty.MakeDefaultOptions()
	// As the tool: the kustomization's own order where it names one, else Kustomize's.
	options.Reorder = krusty.ReorderOptionUnspecified
	made, err := krusty.MakeKustomizer(options).Run(files, path.Join(root, request.Path))
	if err != nil {
		return nil, nil, sdk.Failed("build-failed", "%v", err)
	}
	var warnings []string
	for _, finding := range (Kustomize{}).Check(request.Config) {
		warnings = append(warnings, finding.Field+": "+finding.Message)
	}
	return made, warnings, nil
}
