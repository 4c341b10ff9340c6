//go:build wasip1

package step

import (
	"strings"

	description "colchis/sdk/internal/bindings/colchis_plugin_description"
	types "colchis/sdk/internal/bindings/colchis_plugin_types"
	kind "colchis/sdk/internal/bindings/colchis_step_step"
	exports "colchis/sdk/internal/bindings/export_colchis_step_step"
	_ "colchis/sdk/internal/bindings/exports/step" // the exports themselves
	"colchis/sdk/internal/convert"
	"colchis/sdk/internal/heap"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Register makes a step the component's. Called in an `init`.
func Register(plugin Step) {
	convert.Describe(plugin, description.MakeKindStep())
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
		Parameters:  convert.Map(asked.Parameters),
		Artifacts:   artifacts,
	}
}

func told(progress *Progress, err error) wit.Result[kind.Progress, types.PluginError] {
	switch {
	case err != nil:
		return convert.Answer(kind.Progress{}, err)
	case progress == nil:
		return convert.Nothing[kind.Progress]("progress")
	}
	return convert.Answer(kind.Progress{
		Phase: phase(progress.Phase), Message: progress.Message, Result: convert.Option(progress.Result),
		Parameters: convert.Pairs(progress.Parameters), Done: progress.Done, Total: progress.Total,
		Token: convert.Option(progress.Token), PollAfter: convert.Millis(progress.PollAfter),
	}, nil)
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
