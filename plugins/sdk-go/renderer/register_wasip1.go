//go:build wasip1

package renderer

import (
	"strings"

	"colchis/sdk"
	destination "colchis/sdk/internal/bindings/colchis_manifest_renderer_destination"
	kind "colchis/sdk/internal/bindings/colchis_manifest_renderer_renderer"
	source "colchis/sdk/internal/bindings/colchis_manifest_renderer_source"
	description "colchis/sdk/internal/bindings/colchis_plugin_description"
	types "colchis/sdk/internal/bindings/colchis_plugin_types"
	exports "colchis/sdk/internal/bindings/export_colchis_manifest_renderer_renderer"
	_ "colchis/sdk/internal/bindings/exports/renderer" // the exports themselves
	"colchis/sdk/internal/convert"
	"colchis/sdk/internal/heap"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Register makes a renderer the component's. Called in an `init`.
func Register(plugin Renderer) {
	convert.Describe(plugin, description.MakeKindManifestRenderer())
	exports.OnDetect = func(files *source.Tree, path string) wit.Result[bool, types.PluginError] {
		defer heap.Settle()
		// A borrowed handle is given back before the call ends.
		defer files.Drop()
		return convert.Answer(plugin.Detect(tree{files}, strings.Clone(path)))
	}
	exports.OnRequirements = func(asked kind.RenderRequest) wit.Result[[]kind.Requirement, types.PluginError] {
		defer heap.Settle()
		defer drop(asked)
		found, err := plugin.Requirements(request(asked))
		if err != nil {
			return convert.Answer[[]kind.Requirement](nil, err)
		}
		return convert.Answer(requirements(found), nil)
	}
	exports.OnRender = func(asked kind.RenderRequest) wit.Result[kind.Rendered, types.PluginError] {
		defer heap.Settle()
		defer drop(asked)
		made, err := plugin.Render(request(asked))
		if err != nil {
			return convert.Answer(kind.Rendered{}, err)
		}
		return convert.Answer(rendered(made), nil)
	}
}

func request(asked kind.RenderRequest) *Request {
	fetched := make(map[string]sdk.Tree, len(asked.Fetched))
	for _, one := range asked.Fetched {
		fetched[strings.Clone(one.Name)] = tree{one.Files}
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
			Environment: convert.Map(asked.Release.Environment),
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
		return "", convert.Fault(result.Err())
	}
	return strings.Clone(result.Ok()), nil
}

func rendered(made *Rendered) kind.Rendered {
	manifests := make([]kind.Manifest, len(made.Manifests))
	for i, manifest := range made.Manifests {
		manifests[i] = kind.Manifest{Object: manifest.Object, File: convert.Option(manifest.File)}
	}
	return kind.Rendered{Manifests: manifests, Warnings: made.Warnings, Notes: convert.Option(made.Notes)}
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
		named[i] = kind.Requirement{Name: one.Name, Source: from, Digest: convert.Option(one.Digest)}
	}
	return named
}
