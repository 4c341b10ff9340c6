// Package export_colchis_trigger_action is where the exports of `colchis:trigger/action` are put. The generated code calls it.
package export_colchis_trigger_action

import (
	types "colchis/sdk/internal/bindings/colchis_plugin_types"
	kind "colchis/sdk/internal/bindings/colchis_trigger_action"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// What the kind's package sets before the first call.
var (
	OnResolve     func(kind.TriggerRequest) wit.Result[string, types.PluginError]
	OnExecute     func(request kind.TriggerRequest, payload, key string) wit.Result[kind.Executed, types.PluginError]
	OnCheckPolicy func(request kind.TriggerRequest, policy string, executed kind.Executed) wit.Result[kind.PolicyState, types.PluginError]
)

func Resolve(request kind.TriggerRequest) wit.Result[string, types.PluginError] {
	return OnResolve(request)
}

func Execute(request kind.TriggerRequest, payload, key string) wit.Result[kind.Executed, types.PluginError] {
	return OnExecute(request, payload, key)
}

func CheckPolicy(request kind.TriggerRequest, policy string, executed kind.Executed) wit.Result[kind.PolicyState, types.PluginError] {
	return OnCheckPolicy(request, policy, executed)
}
