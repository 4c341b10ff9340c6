//go:build wasip1

package step

import (
	"sort"
	"strings"

	"colchis/sdk"
	description "colchis/sdk/internal/bindings/step/colchis_plugin_description"
	types "colchis/sdk/internal/bindings/step/colchis_plugin_types"
	kind "colchis/sdk/internal/bindings/step/colchis_step_step"
	descriptions "colchis/sdk/internal/bindings/step/export_colchis_plugin_description"
	exports "colchis/sdk/internal/bindings/step/export_colchis_step_step"
	_ "colchis/sdk/internal/bindings/step/wit_exports" // the exports themselves
	"colchis/sdk/internal/heap"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Register makes a step the component's. Called in an `init`.
func Register(plugin Step) {
	descriptions.OnDescribe = func() wit.Result[description.Info, types.PluginError] {
		defer heap.Settle()
		return wit.Ok[description.Info, types.PluginError](info(plugin.Info()))
	}
	descriptions.OnCheck = func(config string) wit.Result[[]description.Finding, types.PluginError] {
		defer heap.Settle()
		return wit.Ok[[]description.Finding, types.PluginError](findings(plugin.Check(strings.Clone(config))))
	}
	exports.OnStart = func(asked kind.StepRequest) wit.Result[kind.Progress, types.PluginError] {
		defer heap.Settle()
		return told(plugin.Start(request(asked)))
	}
	exports.OnPoll = func(asked kind.StepRequest, token string) wit.Result[kind.Progress, types.PluginError] {
		defer heap.Settle()
		return told(plugin.Poll(request(asked), strings.Clone(token)))
	}
	exports.OnStop = func(asked kind.StepRequest, token string) wit.Result[kind.Progress, types.PluginError] {
		defer heap.Settle()
		return told(plugin.Stop(request(asked), strings.Clone(token)))
	}
}

func request(asked kind.StepRequest) *Request {
	parameters := make(map[string]string, len(asked.Parameters))
	for _, pair := range asked.Parameters {
		parameters[strings.Clone(pair.F0)] = strings.Clone(pair.F1)
	}
	artifacts := make([]string, len(asked.Artifacts))
	for i, name := range asked.Artifacts {
		artifacts[i] = strings.Clone(name)
	}
	return &Request{
		Config:      strings.Clone(asked.Config),
		Namespace:   strings.Clone(asked.Namespace),
		Workflow:    strings.Clone(asked.Workflow),
		WorkflowUID: strings.Clone(asked.WorkflowUid),
		Node:        strings.Clone(asked.Node),
		Template:    strings.Clone(asked.Template),
		Parameters:  parameters,
		Artifacts:   artifacts,
	}
}

func told(progress *Progress, err error) wit.Result[kind.Progress, types.PluginError] {
	if err != nil {
		return answer(kind.Progress{}, err)
	}
	if progress == nil {
		return answer(kind.Progress{}, sdk.Failed("no-progress", "the plugin answered with neither progress nor an error; its author has to mend that"))
	}
	made := kind.Progress{
		Phase: phase(progress.Phase), Message: progress.Message, Result: option(progress.Result),
		Done: progress.Done, Total: progress.Total, Token: option(progress.Token), PollAfter: wit.None[uint64](),
	}
	if progress.PollAfter > 0 {
		made.PollAfter = wit.Some(uint64(progress.PollAfter.Milliseconds()))
	}
	for name, value := range progress.Parameters {
		made.Parameters = append(made.Parameters, wit.Tuple2[string, string]{F0: name, F1: value})
	}
	sort.Slice(made.Parameters, func(i, j int) bool { return made.Parameters[i].F0 < made.Parameters[j].F0 })
	return answer(made, nil)
}

func phase(of Phase) kind.Phase {
	switch of {
	case Running:
		return kind.MakePhaseRunning()
	case Succeeded:
		return kind.MakePhaseSucceeded()
	case Failed:
		return kind.MakePhaseFailed()
	default:
		return kind.MakePhaseError()
	}
}
