//go:build wasip1

package eventsubscriber

import (
	"math"
	"strings"
	"time"

	"colchis/sdk/event"
	kind "colchis/sdk/internal/bindings/colchis_event_source_subscriber"
	description "colchis/sdk/internal/bindings/colchis_plugin_description"
	types "colchis/sdk/internal/bindings/colchis_plugin_types"
	exports "colchis/sdk/internal/bindings/export_colchis_event_source_subscriber"
	_ "colchis/sdk/internal/bindings/exports/eventsubscriber" // the exports themselves
	"colchis/sdk/internal/convert"
	"colchis/sdk/internal/heap"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Register makes a subscriber the component's. Called in an `init`.
func Register(plugin Subscriber) {
	convert.Describe(plugin, description.MakeKindEventSource())
	exports.OnOpen = func(config, name, cursor string) wit.Result[*exports.Subscription, types.PluginError] {
		defer heap.Settle()
		opened, err := plugin.Open(strings.Clone(config), strings.Clone(name), strings.Clone(cursor))
		switch {
		case err != nil:
			return convert.Answer[*exports.Subscription](nil, err)
		case opened == nil:
			return convert.Nothing[*exports.Subscription]("a subscription")
		}
		return convert.Answer(exports.Held(running{opened}), nil)
	}
}

// running is a subscription with the words of the interfaces.
type running struct{ of Subscription }

func (r running) Poll(most uint32, wait uint64) wit.Result[kind.Batch, types.PluginError] {
	defer heap.Settle()
	// A wait without an end has more than a Duration holds.
	const longest = uint64(math.MaxInt64 / time.Millisecond)
	batch, err := r.of.Poll(int(min(most, math.MaxInt32)), time.Duration(min(wait, longest))*time.Millisecond)
	switch {
	case err != nil:
		return convert.Answer(kind.Batch{}, err)
	case batch == nil:
		return convert.Nothing[kind.Batch]("a batch")
	}
	return convert.Answer(kind.Batch{Events: event.WIT(batch.Events), Cursor: batch.Cursor, Delivery: batch.Delivery}, nil)
}

func (r running) Ack(delivery uint64) wit.Result[wit.Unit, types.PluginError] {
	defer heap.Settle()
	return convert.Answer(wit.Unit{}, r.of.Ack(delivery))
}

func (r running) Drain() wit.Result[wit.Unit, types.PluginError] {
	defer heap.Settle()
	return convert.Answer(wit.Unit{}, r.of.Drain())
}

func (r running) Close() { r.of.Close() }
