//go:build wasip1

package convert

import (
	"strings"

	"colchis/sdk"
	description "colchis/sdk/internal/bindings/colchis_plugin_description"
	types "colchis/sdk/internal/bindings/colchis_plugin_types"
	descriptions "colchis/sdk/internal/bindings/export_colchis_plugin_description"
	"colchis/sdk/internal/heap"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Described is what plugins of all kinds have.
type Described interface {
	Info() sdk.Info
	Check(config string) []sdk.Finding
}

// Describe makes a plugin's description the component's.
func Describe(plugin Described, kind description.Kind) {
	descriptions.OnDescribe = func() wit.Result[description.Info, types.PluginError] {
		defer heap.Settle()
		return wit.Ok[description.Info, types.PluginError](Info(plugin.Info(), kind))
	}
	descriptions.OnCheck = func(config string) wit.Result[[]description.Finding, types.PluginError] {
		defer heap.Settle()
		return wit.Ok[[]description.Finding, types.PluginError](Findings(plugin.Check(strings.Clone(config))))
	}
}
