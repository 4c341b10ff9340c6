// Package export_colchis_event_source_subscriber is where the exports of `colchis:event-source/subscriber` are put. The generated code calls it.
package export_colchis_event_source_subscriber

import (
	"runtime"

	kind "colchis/sdk/internal/bindings/colchis_event_source_subscriber"
	types "colchis/sdk/internal/bindings/colchis_plugin_types"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// OnOpen is what the kind's package sets before the first call.
var OnOpen func(config, name, cursor string) wit.Result[*Subscription, types.PluginError]

func Open(config, name string, cursor wit.Option[string]) wit.Result[*Subscription, types.PluginError] {
	return OnOpen(config, name, cursor.SomeOr(""))
}

// Running is what a subscription does.
type Running interface {
	Poll(max uint32, wait uint64) wit.Result[kind.Batch, types.PluginError]
	Ack(delivery uint64) wit.Result[wit.Unit, types.PluginError]
	Drain() wit.Result[wit.Unit, types.PluginError]
	Close()
}

// Subscription is one as the host holds it: by its address.
type Subscription struct {
	Running
	pinner runtime.Pinner
	handle int32
}

// held are those that the host has: nothing else of this module refers to them.
var held = map[*Subscription]bool{}

// Held is a subscription that the host is about to be given.
func Held(running Running) *Subscription {
	made := &Subscription{Running: running}
	held[made] = true
	return made
}

// OnDrop is the host's giving it back.
func (s *Subscription) OnDrop() {
	delete(held, s)
	s.Close()
}
