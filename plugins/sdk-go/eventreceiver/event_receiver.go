// Package eventreceiver is for event sources to which their events come as HTTP requests: the kind `colchis:event-source`. The answer is sent when the events are
// durable.
//
// A plugin implements Receiver and calls Register in an `init` of its main package. Nothing here needs WebAssembly, so a receiver is tested with `go test`.
package eventreceiver

import (
	"strings"

	"colchis/sdk"
	"colchis/sdk/event"
)

// Receiver is what a plugin implements. An error that is an *sdk.Error is told as it is.
type Receiver interface {
	// Info says what the plugin is. Pure: the same answer each time.
	Info() sdk.Info
	// Check looks at a configuration that has passed the schema: all that is wrong with it, at once. Nothing outside is called.
	Check(config string) []sdk.Finding
	// Endpoints says where the source of this configuration expects its requests.
	Endpoints(config, name string) ([]Endpoint, error)
	// OnRequest takes a request in. One that is not genuine is answered with 401 or 403 and has no events; an error is answered with 500.
	OnRequest(config, name string, request *Incoming) (*Outcome, error)
}

// Endpoint is where requests are expected.
type Endpoint struct {
	Path    string   // as `/push`
	Methods []string // all when empty
}

// Incoming is a request that came in.
type Incoming struct {
	Method        string
	Path          string      // behind the endpoint's own, with the query
	Headers       [][2]string // in the order they came
	Body          []byte
	RemoteAddress string
}

// Header is a header's first value; empty when there is none.
func (i *Incoming) Header(name string) string {
	for _, header := range i.Headers {
		if strings.EqualFold(header[0], name) {
			return header[1]
		}
	}
	return ""
}

// Event is an event, in the terms of CloudEvents 1.0. The host adds `source` and `subject`.
type Event = event.Event

// JSON is an event with JSON as its data.
func JSON(id string, data any) (Event, error) { return event.JSON(id, data) }

// IDOf is an id made of the content, for events of senders that give none.
func IDOf(content []byte) string { return event.IDOf(content) }

// Outcome is what became of a request: its events, and what is answered when they are durable.
type Outcome struct {
	Events  []Event // none of a ping or a handshake
	Status  int     // 200 when 0
	Headers [][2]string
	Body    []byte
}

// Events is an outcome of events, answered with 200.
func Events(events ...Event) *Outcome { return &Outcome{Events: events, Status: 200} }

// Answer is an outcome without events.
func Answer(status int, body string) *Outcome { return &Outcome{Status: status, Body: []byte(body)} }
