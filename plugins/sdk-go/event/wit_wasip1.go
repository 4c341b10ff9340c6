//go:build wasip1

package event

import (
	events "colchis/sdk/internal/bindings/colchis_event_source_events"
	"colchis/sdk/internal/convert"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// WIT is events as the host takes them. For the kit alone.
func WIT(from []Event) []events.Event {
	told := make([]events.Event, len(from))
	for i, one := range from {
		time := wit.None[uint64]()
		if !one.Time.IsZero() {
			time = wit.Some(uint64(max(one.Time.UnixMilli(), 0)))
		}
		told[i] = events.Event{
			Id: one.ID, Type: one.Type, Time: time, ContentType: one.ContentType, Data: one.Data,
			Extensions: convert.Pairs(one.Attributes),
		}
	}
	return told
}
