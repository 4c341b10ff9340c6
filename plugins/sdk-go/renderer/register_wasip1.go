//go:build wasip1

package renderer

import (
	"strings"

	"colchis/sdk"
	destination "colchis/sdk/internal/bindings/renderer/colchis_manifest_renderer_destination"
	kind "colchis/sdk/internal/bindings/renderer/colchis_manifest_renderer_renderer"
	source "colchis/sdk/internal/bindings/renderer/colchis_manifest_renderer_source"
	description "colchis/sdk/internal/bindings/renderer/colchis_plugin_description"
	types "colchis/sdk/internal/bindings/renderer/colchis_plugin_types"
	exports "colchis/sdk/internal/bindings/renderer/export_colchis_manifest_renderer_renderer"
	descriptions "colchis/sdk/internal/bindings/renderer/export_colchis_plugin_description"
	_ "colchis/sdk/internal/bindings/renderer/wit_exports" // the exports themselves
	"colchis/sdk/internal/heap"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Register makes a renderer the component's. Called in an `init`.
func Register(plugin Renderer) {
	descriptions.OnDescribe = func() wit.Result[description.Info, types.PluginError] {
		defer heap.Settle()
		return wit.Ok[description.Info, types.PluginError](info(plugin.Info()))
	}
	descriptions.OnCheck = func(config string) wit.Result[[]description.Finding, types.PluginError] {
		defer heap.Settle()
		return wit.Ok[[]description.Finding, types.PluginError](findings(plugin.Check(strings.Clone(config))))
	}
	exports.OnDetect = func(files *source.Tree, path string) wit.Result[bool, types.PluginError] {
		defer heap.Settle()
		// A borrowed handle is given back before the call ends.
		defer files.Drop()
		return answer(plugin.Detect(tree{files}, strings.Clone(path)))
	}
	exports.OnRequirements = func(asked kind.RenderRequest) wit.Result[[]kind.Requirement, types.PluginError] {
		defer heap.Settle()
		defer drop(asked)
		found, err := plugin.Requirements(request(asked))
		if err != nil {
			return answer[[]kind.Requirement](nil, err)
		}
		return answer(requirements(found), nil)
	}
	exports.OnRender = func(asked kind.RenderRequest) wit.Result[kind.Rendered, types.PluginError] {
		defer heap.Settle()
		defer drop(asked)
		made, err := plugin.Render(request(asked))
		if err != nil {
			return answer(kind.Rendered{}, err)
		}
		return answer(rendered(made), nil)
	}
}

func request(asked kind.RenderRequest) *Request {
	fetched := make(map[string]sdk.Tree, len(asked.Fetched))
	for _, one := range asked.Fetched {
		fetched[strings.Clone(one.Name)] = tree{one.Files}
	}
	environment := make(map[string]string, len(asked.Release.Environment))
	for _, pair := range asked.Release.Environment {
		environment[strings.Clone(pair.F0)] = strings.Clone(pair.F1)
	}
	versions := make([]string, len(asked.Release.ApiVersions))
	for i, version := range asked.Release.ApiVersions {
		versions[i] = strings.Clone(version)
	}
	return &Request{
		Config:  strings.Clone(asked.Config),
		Files:   tree{asked.Files},
		Path:    strings.Clone(asked.Path),
		Fetched: fetched,
		Release: Release{
			Name:        strings.Clone(asked.Release.Name),
			Namespace:   strings.Clone(asked.Release.Namespace),
			KubeVersion: strings.Clone(asked.Release.KubeVersion),
			APIVersions: versions,
			Environment: environment,
		},
		Lookup: lookup,
	}
}

// drop gives trees back at once: left to the collector, they would be given back in the middle of another call.
func drop(asked kind.RenderRequest) {
	asked.Files.Drop()
	for _, one := range asked.Fetched {
		one.Files.Drop()
	}
}

func lookup(apiVersion, kind, namespace, name string) (string, error) {
	result := destination.Lookup(apiVersion, kind, namespace, name)
	if result.IsErr() {
		return "", fault(result.Err())
	}
	return strings.Clone(result.Ok()), nil
}

func rendered(made *Rendered) kind.Rendered {
	manifests := make([]kind.Manifest, len(made.Manifests))
	for i, manifest := range made.Manifests {
		manifests[i] = kind.Manifest{Object: manifest.Object, File: option(manifest.File)}
	}
	return kind.Rendered{Manifests: manifests, Warnings: made.Warnings, Notes: option(made.Notes)}
}

func requirements(found []Requirement) []kind.Requirement {
	named := make([]kind.Requirement, len(found))
	for i, one := range found {
		var from kind.RequirementSource
		switch {
		case one.Chart != nil:
			from = kind.MakeRequirementSourceHelmChart(
				wit.Tuple3[string, string, string]{F0: one.Chart.Repository, F1: one.Chart.Name, F2: one.Chart.Version})
		case one.OCI != nil:
			from = kind.MakeRequirementSourceOci(wit.Tuple2[string, string]{F0: one.OCI.Reference, F1: one.OCI.Version})
		case one.Git != nil:
			from = kind.MakeRequirementSourceGit(
				wit.Tuple3[string, string, string]{F0: one.Git.URL, F1: one.Git.Revision, F2: one.Git.Path})
		default:
			from = kind.MakeRequirementSourceUrl(one.URL)
		}
		named[i] = kind.Requirement{Name: one.Name, Source: from, Digest: option(one.Digest)}
	}
	return named
}
