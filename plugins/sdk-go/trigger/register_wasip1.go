//go:build wasip1

package trigger

import (
	"strings"

	description "colchis/sdk/internal/bindings/colchis_plugin_description"
	types "colchis/sdk/internal/bindings/colchis_plugin_types"
	kind "colchis/sdk/internal/bindings/colchis_trigger_action"
	exports "colchis/sdk/internal/bindings/export_colchis_trigger_action"
	_ "colchis/sdk/internal/bindings/exports/trigger" // the exports themselves
	"colchis/sdk/internal/convert"
	"colchis/sdk/internal/heap"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Register makes a trigger the component's. Called in an `init`.
func Register(plugin Trigger) {
	convert.Describe(plugin, description.MakeKindTrigger())
	exports.OnResolve = func(asked kind.TriggerRequest) wit.Result[string, types.PluginError] {
		defer heap.Settle()
		return convert.Answer(plugin.Resolve(request(asked)))
	}
	exports.OnExecute = func(asked kind.TriggerRequest, payload, key string) wit.Result[kind.Executed, types.PluginError] {
		defer heap.Settle()
		return executed(plugin.Execute(request(asked), strings.Clone(payload), strings.Clone(key)))
	}
	exports.OnCheckPolicy = func(asked kind.TriggerRequest, policy string, done kind.Executed) wit.Result[kind.PolicyState, types.PluginError] {
		defer heap.Settle()
		was := &Executed{Message: strings.Clone(done.Message), Answer: []byte(done.Answer)}
		state, err := plugin.CheckPolicy(request(asked), strings.Clone(policy), was)
		return convert.Answer(stated(state), err)
	}
}

func request(asked kind.TriggerRequest) *Request {
	return &Request{
		Config:    strings.Clone(asked.Config),
		Namespace: strings.Clone(asked.Namespace),
		Sensor:    strings.Clone(asked.Sensor),
		Name:      strings.Clone(asked.Name),
	}
}

func executed(done *Executed, err error) wit.Result[kind.Executed, types.PluginError] {
	switch {
	case err != nil:
		return convert.Answer(kind.Executed{}, err)
	case done == nil:
		return convert.Nothing[kind.Executed]("what was done")
	}
	answer := string(done.Answer)
	if answer == "" {
		answer = "null"
	}
	return convert.Answer(kind.Executed{Message: done.Message, Answer: answer}, nil)
}

func stated(state PolicyState) kind.PolicyState {
	switch state.state {
	case met:
		return kind.MakePolicyStateMet()
	case violated:
		return kind.MakePolicyStateViolated(state.why)
	default:
		return kind.MakePolicyStatePending()
	}
}
