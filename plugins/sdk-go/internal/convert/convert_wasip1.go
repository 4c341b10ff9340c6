//go:build wasip1

package convert

import (
	"sort"
	"strings"
	"time"

	"colchis/sdk"
	description "colchis/sdk/internal/bindings/colchis_plugin_description"
	types "colchis/sdk/internal/bindings/colchis_plugin_types"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Answer is what an export gives back.
func Answer[T any](value T, err error) wit.Result[T, types.PluginError] {
	if err == nil {
		return wit.Ok[T, types.PluginError](value)
	}
	own := sdk.AsError(err)
	return wit.Err[T, types.PluginError](types.PluginError{
		Class: class(own), Code: own.Code, Message: own.Message, Field: Option(own.Field),
	})
}

// Nothing is an answer of neither: its author has to mend that.
func Nothing[T any](what string) wit.Result[T, types.PluginError] {
	var none T
	return Answer(none, sdk.Failed("no-answer", "the plugin answered with neither %s nor an error; its author has to mend that", what))
}

// Fault is an error of the host.
func Fault(from types.PluginError) error {
	own := &sdk.Error{Class: sdk.Permanent, Code: strings.Clone(from.Code), Message: strings.Clone(from.Message)}
	switch from.Class.Tag() {
	case types.ErrorClassInvalidConfig:
		own.Class = sdk.InvalidConfig
	case types.ErrorClassDenied:
		own.Class = sdk.Denied
	case types.ErrorClassUnavailable:
		own.Class = sdk.Unavailable
	case types.ErrorClassThrottled:
		own.Class = sdk.Throttled
		own.RetryAfter = time.Duration(from.Class.Throttled().SomeOr(0)) * time.Millisecond
	case types.ErrorClassNotFound:
		own.Class = sdk.NotFound
	}
	if from.Field.IsSome() {
		own.Field = strings.Clone(from.Field.Some())
	}
	return own
}

// Done is what the host did, or its error.
func Done(result wit.Result[wit.Unit, types.PluginError]) error {
	if result.IsErr() {
		return Fault(result.Err())
	}
	return nil
}

// Option is a text that is not there when it is empty.
func Option(text string) wit.Option[string] {
	if text == "" {
		return wit.None[string]()
	}
	return wit.Some(text)
}

// Millis is a time that is not there when it is 0.
func Millis(time time.Duration) wit.Option[uint64] {
	if time <= 0 {
		return wit.None[uint64]()
	}
	return wit.Some(uint64(time.Milliseconds()))
}

// Pairs are names and values, by name.
func Pairs(from map[string]string) []wit.Tuple2[string, string] {
	pairs := make([]wit.Tuple2[string, string], 0, len(from))
	for name, value := range from {
		pairs = append(pairs, wit.Tuple2[string, string]{F0: name, F1: value})
	}
	sort.Slice(pairs, func(i, j int) bool { return pairs[i].F0 < pairs[j].F0 })
	return pairs
}

// Listed are names and values in their order.
func Listed(from [][2]string) []wit.Tuple2[string, string] {
	pairs := make([]wit.Tuple2[string, string], len(from))
	for i, pair := range from {
		pairs[i] = wit.Tuple2[string, string]{F0: pair[0], F1: pair[1]}
	}
	return pairs
}

// List copies names and values of a call.
func List(from []wit.Tuple2[string, string]) [][2]string {
	pairs := make([][2]string, len(from))
	for i, pair := range from {
		pairs[i] = [2]string{strings.Clone(pair.F0), strings.Clone(pair.F1)}
	}
	return pairs
}

// Map copies names and values of a call.
func Map(from []wit.Tuple2[string, string]) map[string]string {
	made := make(map[string]string, len(from))
	for _, pair := range from {
		made[strings.Clone(pair.F0)] = strings.Clone(pair.F1)
	}
	return made
}

// Info is what a component of one kind says about itself.
func Info(about sdk.Info, kind description.Kind) description.Info {
	needs := make([]description.Need, 0, len(about.Needs))
	for _, need := range about.Needs {
		needs = append(needs, description.Need{What: capability(need.What), Why: need.Why, Optional: need.Optional})
	}
	kinds := []description.KindInfo{{Kind: kind, ConfigSchema: about.Schema}}
	return description.Info{Name: about.Name, Version: about.Version, Summary: about.Summary, Kinds: kinds, Needs: needs}
}

// Findings are those about a configuration.
func Findings(found []sdk.Finding) []description.Finding {
	told := make([]description.Finding, 0, len(found))
	for _, one := range found {
		severity := description.MakeSeverityError()
		if one.Warning {
			severity = description.MakeSeverityWarning()
		}
		told = append(told, description.Finding{Severity: severity, Field: one.Field, Message: one.Message})
	}
	return told
}

func class(own *sdk.Error) types.ErrorClass {
	switch own.Class {
	case sdk.InvalidConfig:
		return types.MakeErrorClassInvalidConfig()
	case sdk.Denied:
		return types.MakeErrorClassDenied()
	case sdk.Unavailable:
		return types.MakeErrorClassUnavailable()
	case sdk.Throttled:
		return types.MakeErrorClassThrottled(Millis(own.RetryAfter))
	case sdk.NotFound:
		return types.MakeErrorClassNotFound()
	default:
		return types.MakeErrorClassPermanent()
	}
}

func capability(what sdk.Capability) description.Capability {
	switch what.Kind() {
	case "http":
		return description.MakeCapabilityHttp(what.Value())
	case "endpoint":
		return description.MakeCapabilityEndpoint(what.Value())
	case "secret":
		return description.MakeCapabilitySecret(what.Value())
	case "reveal":
		return description.MakeCapabilityReveal(what.Value())
	case "state":
		return description.MakeCapabilityState()
	case "blobs":
		return description.MakeCapabilityBlobs()
	default:
		return description.MakeCapabilityLookup()
	}
}
