//go:build wasip1

package step

import (
	"colchis/sdk"
	description "colchis/sdk/internal/bindings/step/colchis_plugin_description"
	types "colchis/sdk/internal/bindings/step/colchis_plugin_types"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

func answer[T any](value T, err error) wit.Result[T, types.PluginError] {
	if err == nil {
		return wit.Ok[T, types.PluginError](value)
	}
	own := sdk.AsError(err)
	return wit.Err[T, types.PluginError](types.PluginError{
		Class: class(own), Code: own.Code, Message: own.Message, Field: option(own.Field),
	})
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
		after := wit.None[uint64]()
		if own.RetryAfter > 0 {
			after = wit.Some(uint64(own.RetryAfter.Milliseconds()))
		}
		return types.MakeErrorClassThrottled(after)
	case sdk.NotFound:
		return types.MakeErrorClassNotFound()
	default:
		return types.MakeErrorClassPermanent()
	}
}

func option(text string) wit.Option[string] {
	if text == "" {
		return wit.None[string]()
	}
	return wit.Some(text)
}

func info(about sdk.Info) description.Info {
	needs := make([]description.Need, 0, len(about.Needs))
	for _, need := range about.Needs {
		needs = append(needs, description.Need{What: capability(need.What), Why: need.Why, Optional: need.Optional})
	}
	kinds := []description.KindInfo{{Kind: description.MakeKindStep(), ConfigSchema: about.Schema}}
	return description.Info{Name: about.Name, Version: about.Version, Summary: about.Summary, Kinds: kinds, Needs: needs}
}

func capability(what sdk.Capability) description.Capability {
	switch what.Kind() {
	case "http":
		return description.MakeCapabilityHttp(what.Value())
	case "endpoint":
		return description.MakeCapabilityEndpoint(what.Value())
	case "secret":
		return description.MakeCapabilitySecret(what.Value())
	case "state":
		return description.MakeCapabilityState()
	default:
		return description.MakeCapabilityLookup()
	}
}

func findings(found []sdk.Finding) []description.Finding {
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
