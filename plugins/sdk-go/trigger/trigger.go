// Package trigger is for plugins that do something when events came in: the kind `colchis:trigger`.
//
// A plugin implements Trigger and calls Register in an `init` of its main package. Nothing here needs WebAssembly, so a trigger is tested with `go test`.
package trigger

import (
	"encoding/json"

	"colchis/sdk"
)

// Trigger is what a plugin implements; embed Plain where nothing is to be resolved and no policy looked at. An error that is an *sdk.Error is told as it is.
type Trigger interface {
	// Info says what the plugin is. Pure: the same answer each time.
	Info() sdk.Info
	// Check looks at a configuration that has passed the schema: all that is wrong with it, at once. Nothing outside is called.
	Check(config string) []sdk.Finding
	// Resolve says what the configuration means, before parameters of events are filled in: with what it refers to fetched, as JSON.
	Resolve(request *Request) (string, error)
	// Execute does it. The key is the same when it is done again because nobody knows whether it was done; the payload is what parameters made of the events, as
	// JSON.
	Execute(request *Request, payload, idempotencyKey string) (*Executed, error)
	// CheckPolicy says whether what was done is as the trigger's policy (JSON) wants it.
	CheckPolicy(request *Request, policy string, executed *Executed) (PolicyState, error)
}

// Plain is embedded by triggers that have nothing to resolve, and whose work is done when it is executed.
type Plain struct{}

// Resolve gives the configuration back as it is.
func (Plain) Resolve(request *Request) (string, error) { return request.Config, nil }

// CheckPolicy is met by what was executed.
func (Plain) CheckPolicy(*Request, string, *Executed) (PolicyState, error) { return Met, nil }

// Request is what is to be done, and for whom.
type Request struct {
	Config    string // the trigger's configuration, with parameters filled in, as JSON
	Namespace string // of the sensor
	Sensor    string
	Name      string // the trigger's
}

// Executed is what was done.
type Executed struct {
	Message string          // for people: one sentence, without the values of secrets
	Answer  json.RawMessage // what the other side answered, for CheckPolicy; empty is `null`
}

// PolicyState is how an execution stands against its policy. Made by Violated, or one of Met and Pending.
type PolicyState struct {
	state policyState
	why   string
}

type policyState uint8

const (
	met policyState = iota
	pending
	violated
)

// The states beside Violated.
var (
	Met     = PolicyState{state: met}     // as the policy wants it
	Pending = PolicyState{state: pending} // not yet: asked again with back-off
)

// Violated is otherwise than the policy wants it, for good.
func Violated(why string) PolicyState { return PolicyState{violated, why} }
