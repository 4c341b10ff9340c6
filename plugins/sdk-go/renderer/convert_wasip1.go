//go:build wasip1

package renderer

import (
	"strings"
	"time"

	"colchis/sdk"
	source "colchis/sdk/internal/bindings/renderer/colchis_manifest_renderer_source"
	description "colchis/sdk/internal/bindings/renderer/colchis_plugin_description"
	types "colchis/sdk/internal/bindings/renderer/colchis_plugin_types"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// tree is a tree of the host.
type tree struct{ handle *source.Tree }

func (t tree) Stat(path string) (sdk.Entry, error) {
	result := t.handle.Stat(path)
	if result.IsErr() {
		return sdk.Entry{}, fault(result.Err())
	}
	return entry(result.Ok()), nil
}

func (t tree) List(path string) ([]sdk.Entry, error) {
	result := t.handle.List(path)
	if result.IsErr() {
		return nil, fault(result.Err())
	}
	entries := make([]sdk.Entry, 0, len(result.Ok()))
	for _, one := range result.Ok() {
		entries = append(entries, entry(one))
	}
	return entries, nil
}

func (t tree) Read(path string) ([]byte, error) {
	result := t.handle.Read(path)
	if result.IsErr() {
		return nil, fault(result.Err())
	}
	// The bytes are the call's; what a renderer keeps outlives it.
	return append([]byte(nil), result.Ok()...), nil
}

func entry(from source.Entry) sdk.Entry {
	return sdk.Entry{
		Name:       strings.Clone(from.Name),
		Folder:     from.Kind.Tag() == source.EntryKindFolder,
		Other:      from.Kind.Tag() == source.EntryKindOther,
		Size:       from.Size,
		Executable: from.Executable,
	}
}

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

// fault is an error of the host.
func fault(from types.PluginError) error {
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
	kinds := []description.KindInfo{{Kind: description.MakeKindManifestRenderer(), ConfigSchema: about.Schema}}
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
