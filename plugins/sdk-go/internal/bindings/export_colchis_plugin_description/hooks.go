// Package export_colchis_plugin_description is where the exports of `colchis:plugin/description` are put. The generated code calls it.
package export_colchis_plugin_description

import (
	description "colchis/sdk/internal/bindings/colchis_plugin_description"
	types "colchis/sdk/internal/bindings/colchis_plugin_types"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// What the kind's package sets before the first call.
var (
	OnDescribe func() wit.Result[description.Info, types.PluginError]
	OnCheck    func(config string) wit.Result[[]description.Finding, types.PluginError]
)

func Describe() wit.Result[description.Info, types.PluginError] { return OnDescribe() }

func CheckConfig(_ description.Kind, config string) wit.Result[[]description.Finding, types.PluginError] {
	return OnCheck(config)
}
