// Package export_colchis_metric_provider_provider is where the exports of `colchis:metric-provider/provider` are put. The generated code calls it.
package export_colchis_metric_provider_provider

import (
	kind "colchis/sdk/internal/bindings/colchis_metric_provider_provider"
	types "colchis/sdk/internal/bindings/colchis_plugin_types"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// What the kind's package sets before the first call.
var (
	OnRun       func(kind.MeasurementRequest) wit.Result[kind.Measurement, types.PluginError]
	OnResume    func(kind.MeasurementRequest, string) wit.Result[kind.Measurement, types.PluginError]
	OnTerminate func(kind.MeasurementRequest, string) wit.Result[kind.Measurement, types.PluginError]
	OnMetadata  func(config string) wit.Result[[]wit.Tuple2[string, string], types.PluginError]
)

func Run(request kind.MeasurementRequest) wit.Result[kind.Measurement, types.PluginError] {
	return OnRun(request)
}

func Resume(request kind.MeasurementRequest, token string) wit.Result[kind.Measurement, types.PluginError] {
	return OnResume(request, token)
}

func Terminate(request kind.MeasurementRequest, token string) wit.Result[kind.Measurement, types.PluginError] {
	return OnTerminate(request, token)
}

func Metadata(config string) wit.Result[[]wit.Tuple2[string, string], types.PluginError] {
	return OnMetadata(config)
}
