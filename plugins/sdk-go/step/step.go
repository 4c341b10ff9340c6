// Package step is for plugins that are a step of a workflow: the kind `colchis:step`.
//
// A plugin implements Step and calls Register in an `init` of its main package. Nothing here needs WebAssembly, so a step is tested with `go test`.
package step

import (
	"time"

	"colchis/sdk"
)

// Step is what a plugin implements. An error that is an *sdk.Error is told as it is.
type Step interface {
	// Info says what the plugin is. Pure: the same answer each time.
	Info() sdk.Info
	// Check looks at a configuration that has passed the schema: all that is wrong with it, at once.
	Check(config string) []sdk.Finding
	// Start begins a step, and ends it where it can. Called again for the same node, what is done is not done twice.
	Start(request *Request) (*Progress, error)
	// Poll asks for one that was begun.
	Poll(request *Request, token string) (*Progress, error)
	// Stop ends one before its time. Asked twice, it does no harm.
	Stop(request *Request, token string) (*Progress, error)
}

// Request is what a step is given.
type Request struct {
	Config      string // the part of the template's `plugin` object under this plugin's name, as JSON
	Namespace   string
	Workflow    string
	WorkflowUID string
	Node        string // with WorkflowUID, a key for what must not be done twice
	Template    string
	Parameters  map[string]string
	Artifacts   []string
}

// Phase is how a step stands.
type Phase uint8

// The phases.
const (
	Running Phase = iota
	Succeeded
	Failed
	Error
)

// Progress is how a step stands, and what it left.
type Progress struct {
	Phase       Phase
	Message     string
	Parameters  map[string]string // output parameters, once it is over
	Result      string            // the step's result, once it is over; empty when there is none
	Done, Total uint64            // 0 of 0 when that cannot be told
	PollAfter   time.Duration     // when to ask again, while it is running
	Token       string            // what Poll and Stop are given: at most 64 KiB
}
