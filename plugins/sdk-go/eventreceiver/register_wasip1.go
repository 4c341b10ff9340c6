//go:build wasip1

package eventreceiver

import (
	"strings"

	"colchis/sdk/event"
	kind "colchis/sdk/internal/bindings/colchis_event_source_receiver"
	description "colchis/sdk/internal/bindings/colchis_plugin_description"
	types "colchis/sdk/internal/bindings/colchis_plugin_types"
	exports "colchis/sdk/internal/bindings/export_colchis_event_source_receiver"
	_ "colchis/sdk/internal/bindings/exports/eventreceiver" // the exports themselves
	"colchis/sdk/internal/convert"
	"colchis/sdk/internal/heap"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Register makes a receiver the component's. Called in an `init`.
func Register(plugin Receiver) {
	convert.Describe(plugin, description.MakeKindEventSource())
	exports.OnEndpoints = func(config, name string) wit.Result[[]kind.Endpoint, types.PluginError] {
		defer heap.Settle()
		found, err := plugin.Endpoints(strings.Clone(config), strings.Clone(name))
		told := make([]kind.Endpoint, len(found))
		for i, one := range found {
			told[i] = kind.Endpoint{Path: one.Path, Methods: one.Methods}
		}
		return convert.Answer(told, err)
	}
	exports.OnIncoming = func(config, name string, came kind.Incoming) wit.Result[kind.Outcome, types.PluginError] {
		defer heap.Settle()
		return told(plugin.OnRequest(strings.Clone(config), strings.Clone(name), incoming(came)))
	}
}

func incoming(came kind.Incoming) *Incoming {
	return &Incoming{
		Method:        strings.Clone(came.Method),
		Path:          strings.Clone(came.Path),
		Headers:       convert.List(came.Headers),
		Body:          append([]byte(nil), came.Body...),
		RemoteAddress: strings.Clone(came.RemoteAddress),
	}
}

func told(made *Outcome, err error) wit.Result[kind.Outcome, types.PluginError] {
	switch {
	case err != nil:
		return convert.Answer(kind.Outcome{}, err)
	case made == nil:
		return convert.Nothing[kind.Outcome]("an outcome")
	}
	status := made.Status
	if status == 0 {
		status = 200
	}
	outcome := kind.Outcome{
		Events: event.WIT(made.Events),
		Answer: kind.Outgoing{Status: uint16(status), Headers: convert.Listed(made.Headers), Body: made.Body},
	}
	return convert.Answer(outcome, nil)
}
