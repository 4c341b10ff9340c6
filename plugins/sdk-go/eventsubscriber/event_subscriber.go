// Package eventsubscriber is for event sources that go and get their events: the kind `colchis:event-source`. The host keeps the cursor, and writes it down after the
// events: a crash repeats events and loses none.
//
// A plugin implements Subscriber and calls Register in an `init` of its main package. Nothing here needs WebAssembly, so a source is tested with `go test`.
package eventsubscriber

import (
	"time"

	"colchis/sdk"
	"colchis/sdk/event"
)

// Subscriber is what a plugin implements. An error that is an *sdk.Error is told as it is.
type Subscriber interface {
	// Info says what the plugin is. Pure: the same answer each time.
	Info() sdk.Info
	// Check looks at a configuration that has passed the schema: all that is wrong with it, at once. Nothing outside is called.
	Check(config string) []sdk.Finding
	// Open opens a subscription, at a cursor or, where that is empty, where the configuration says.
	Open(config, name, cursor string) (Subscription, error)
}

// Subscription is one that is running, with an instance of its own: what it keeps is there in the next call. Plain has what most need not do.
type Subscription interface {
	// Poll waits for events, at most so many of them and at most that long.
	Poll(max int, wait time.Duration) (*Batch, error)
	// Ack says that the events of a batch are durable: the other side may forget them. Asked twice, it does no harm.
	Ack(delivery uint64) error
	// Drain stops taking new events; those that were polled may still be acknowledged. The host opens the next version at the cursor afterwards.
	Drain() error
	// Close is the end: connections are closed.
	Close()
}

// Plain is for subscriptions whose other side is told nothing and whose requests leave nothing open: put into a Subscription, it has all but Poll.
type Plain struct{}

// Ack tells nobody.
func (Plain) Ack(uint64) error { return nil }

// Drain has nothing to stop.
func (Plain) Drain() error { return nil }

// Close has nothing to close.
func (Plain) Close() {}

// BatchBytes is how much data a batch has before it is given, in bytes: what comes behind waits for the next poll, as so many events as are asked for may be more than
// the memory holds.
const BatchBytes = 4 << 20

// Batch is what a poll gave.
type Batch struct {
	Events   []Event // in their order; none when none came
	Cursor   string  // where to go on after them; at most 64 KiB. Empty where the other side remembers by itself
	Delivery uint64  // what Ack is given when the events are durable
}

// Event is an event, in the terms of CloudEvents 1.0. The host adds `source` and `subject`.
type Event = event.Event

// JSON is an event with JSON as its data.
func JSON(id string, data any) (Event, error) { return event.JSON(id, data) }

// IDOf is an id made of the content, for events of senders that give none.
func IDOf(content []byte) string { return event.IDOf(content) }
