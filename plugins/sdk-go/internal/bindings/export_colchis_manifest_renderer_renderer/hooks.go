// Package export_colchis_manifest_renderer_renderer is where the exports of `colchis:manifest-renderer/renderer` are put. The generated code calls it.
package export_colchis_manifest_renderer_renderer

import (
	kind "colchis/sdk/internal/bindings/colchis_manifest_renderer_renderer"
	source "colchis/sdk/internal/bindings/colchis_manifest_renderer_source"
	types "colchis/sdk/internal/bindings/colchis_plugin_types"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// What the kind's package sets before the first call.
var (
	OnDetect       func(files *source.Tree, path string) wit.Result[bool, types.PluginError]
	OnRequirements func(kind.RenderRequest) wit.Result[[]kind.Requirement, types.PluginError]
	OnRender       func(kind.RenderRequest) wit.Result[kind.Rendered, types.PluginError]
)

func Detect(files *source.Tree, path string) wit.Result[bool, types.PluginError] {
	return OnDetect(files, path)
}

func Requirements(request kind.RenderRequest) wit.Result[[]kind.Requirement, types.PluginError] {
	return OnRequirements(request)
}

func Render(request kind.RenderRequest) wit.Result[kind.Rendered, types.PluginError] {
	return OnRender(request)
}
