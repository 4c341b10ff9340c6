// Package metricprovider is for plugins that measure something for an analysis: the kind `colchis:metric-provider`.
//
// A plugin implements Provider and calls Register in an `init` of its main package. Nothing here needs WebAssembly, so a provider is tested with `go test`, its
// requests with a server of `net/http/httptest`. A measurement that takes long is begun by Run, which answers Running with a token; Resume is asked with it until
// the measurement is over, so that a plugin is never kept waiting.
package metricprovider

import (
	"encoding/json"
	"math"
	"time"

	"colchis/sdk"
)

// Provider is what a plugin implements; embed Once for measurements that are over at once. An error that is an *sdk.Error is told as it is.
type Provider interface {
	// Info says what the plugin is. Pure: the same answer each time.
	Info() sdk.Info
	// Check looks at a configuration that has passed the schema: all that is wrong with it, at once. Nothing outside is called.
	Check(config string) []sdk.Finding
	// Run begins a measurement, and ends it where it can.
	Run(request *Request) (*Measurement, error)
	// Resume asks for one that was begun.
	Resume(request *Request, token string) (*Measurement, error)
	// Terminate ends one that nobody needs any more. Asked twice, it does no harm.
	Terminate(request *Request, token string) (*Measurement, error)
	// Metadata is what is kept with the run, once: for example the query that was asked.
	Metadata(config string) (map[string]string, error)
}

// Once is embedded by providers whose measurements are over at once.
type Once struct{}

// Resume is never asked for: nothing goes on.
func (Once) Resume(*Request, string) (*Measurement, error) {
	return nil, sdk.Failed("no-resume", "this provider has no measurements that go on")
}

// Terminate has nothing to end.
func (Once) Terminate(*Request, string) (*Measurement, error) {
	return &Measurement{Phase: Inconclusive, Message: "ended before it was over"}, nil
}

// Metadata is none.
func (Once) Metadata(string) (map[string]string, error) { return nil, nil }

// Request is what is to be measured, and for whom.
type Request struct {
	Config      string // the provider's configuration, with arguments filled in, as JSON
	Metric      string
	Namespace   string // of the analysis run
	AnalysisRun string
	Started     time.Time // when the measurement was begun; the same in all its calls
}

// Phase is how a measurement stands.
type Phase uint8

// The phases.
const (
	Running      Phase = iota // it is under way
	Measured                  // there is a value; whether it is good is decided by the conditions of the metric
	Successful                // over, and the provider itself says that it is good
	Failed                    // over, and the provider itself says that it is bad
	Inconclusive              // over, and it cannot be told
)

// Measurement is a measurement.
type Measurement struct {
	Phase       Phase
	Value       json.RawMessage // which conditions know as `result`; empty is `null`
	Message     string          // for people: why it stands so
	ResumeAfter time.Duration   // when to ask again, while it is running
	Token       string          // what Resume and Terminate are given: at most 64 KiB
	Metadata    map[string]string
}

// Of is a value, judged by the conditions of the metric. JSON has no NaN and no infinity: a float64 that is one becomes the text `NaN`, `+Inf` or `-Inf`, so that it
// neither vanishes nor looks like a number that was measured.
func Of(value any) (*Measurement, error) {
	if number, is := value.(float64); is {
		switch {
		case math.IsNaN(number):
			value = "NaN"
		case math.IsInf(number, 1):
			value = "+Inf"
		case math.IsInf(number, -1):
			value = "-Inf"
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, sdk.Failed("bad-value", "the value that was measured is not JSON: %v", err)
	}
	return &Measurement{Phase: Measured, Value: text}, nil
}
