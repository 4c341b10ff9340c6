// Package export_colchis_step_step is where the exports of `colchis:step/step` are put. The generated code calls it.
package export_colchis_step_step

import (
	types "colchis/sdk/internal/bindings/colchis_plugin_types"
	kind "colchis/sdk/internal/bindings/colchis_step_step"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// What the kind's package sets before the first call.
var (
	OnStart func(kind.StepRequest) wit.Result[kind.Progress, types.PluginError]
	OnPoll  func(kind.StepRequest, string) wit.Result[kind.Progress, types.PluginError]
	OnStop  func(kind.StepRequest, string) wit.Result[kind.Progress, types.PluginError]
)

func Start(request kind.StepRequest) wit.Result[kind.Progress, types.PluginError] {
	return OnStart(request)
}

func Poll(request kind.StepRequest, token string) wit.Result[kind.Progress, types.PluginError] {
	return OnPoll(request, token)
}

func Stop(request kind.StepRequest, token string) wit.Result[kind.Progress, types.PluginError] {
	return OnStop(request, token)
}
