//go:build wasip1

package metricprovider

import (
	"strings"
	"time"

	kind "colchis/sdk/internal/bindings/colchis_metric_provider_provider"
	description "colchis/sdk/internal/bindings/colchis_plugin_description"
	types "colchis/sdk/internal/bindings/colchis_plugin_types"
	exports "colchis/sdk/internal/bindings/export_colchis_metric_provider_provider"
	_ "colchis/sdk/internal/bindings/exports/metricprovider" // the exports themselves
	"colchis/sdk/internal/convert"
	"colchis/sdk/internal/heap"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Register makes a provider the component's. Called in an `init`.
func Register(plugin Provider) {
	convert.Describe(plugin, description.MakeKindMetricProvider())
	exports.OnRun = func(asked kind.MeasurementRequest) wit.Result[kind.Measurement, types.PluginError] {
		defer heap.Settle()
		return told(plugin.Run(request(asked)))
	}
	exports.OnResume = func(asked kind.MeasurementRequest, token string) wit.Result[kind.Measurement, types.PluginError] {
		defer heap.Settle()
		return told(plugin.Resume(request(asked), strings.Clone(token)))
	}
	exports.OnTerminate = func(asked kind.MeasurementRequest, token string) wit.Result[kind.Measurement, types.PluginError] {
		defer heap.Settle()
		return told(plugin.Terminate(request(asked), strings.Clone(token)))
	}
	exports.OnMetadata = func(config string) wit.Result[[]wit.Tuple2[string, string], types.PluginError] {
		defer heap.Settle()
		found, err := plugin.Metadata(strings.Clone(config))
		return convert.Answer(convert.Pairs(found), err)
	}
}

func request(asked kind.MeasurementRequest) *Request {
	return &Request{
		Config:      strings.Clone(asked.Config),
		Metric:      strings.Clone(asked.Metric),
		Namespace:   strings.Clone(asked.Namespace),
		AnalysisRun: strings.Clone(asked.AnalysisRun),
		Started:     time.UnixMilli(int64(asked.Started)),
	}
}

func told(made *Measurement, err error) wit.Result[kind.Measurement, types.PluginError] {
	switch {
	case err != nil:
		return convert.Answer(kind.Measurement{}, err)
	case made == nil:
		return convert.Nothing[kind.Measurement]("a measurement")
	}
	value := string(made.Value)
	if value == "" {
		value = "null"
	}
	return convert.Answer(kind.Measurement{
		Phase: phase(made.Phase), Value: value, Message: made.Message, ResumeAfter: convert.Millis(made.ResumeAfter),
		Token: convert.Option(made.Token), Metadata: convert.Pairs(made.Metadata),
	}, nil)
}

func phase(of Phase) kind.Phase {
	switch of {
	case Running:
		return kind.MakePhaseRunning()
	case Measured:
		return kind.MakePhaseMeasured()
	case Successful:
		return kind.MakePhaseSuccessful()
	case Failed:
		return kind.MakePhaseFailed()
	default:
		return kind.MakePhaseInconclusive()
	}
}
