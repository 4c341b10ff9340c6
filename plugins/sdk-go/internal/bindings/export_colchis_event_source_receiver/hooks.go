// Package export_colchis_event_source_receiver is where the exports of `colchis:event-source/receiver` are put. The generated code calls it.
package export_colchis_event_source_receiver

import (
	kind "colchis/sdk/internal/bindings/colchis_event_source_receiver"
	types "colchis/sdk/internal/bindings/colchis_plugin_types"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// What the kind's package sets before the first call.
var (
	OnEndpoints func(config, name string) wit.Result[[]kind.Endpoint, types.PluginError]
	OnIncoming  func(config, name string, request kind.Incoming) wit.Result[kind.Outcome, types.PluginError]
)

func Endpoints(config, name string) wit.Result[[]kind.Endpoint, types.PluginError] {
	return OnEndpoints(config, name)
}

func OnRequest(config, name string, request kind.Incoming) wit.Result[kind.Outcome, types.PluginError] {
	return OnIncoming(config, name, request)
}
