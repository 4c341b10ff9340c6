// Package event has events, in the terms of CloudEvents 1.0: what both kinds of event sources bring in.
package event

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"colchis/sdk"
)

// Event is an event. The host adds `source` and `subject`.
type Event struct {
	ID          string    // of the same event, always the same: one whose id was seen is not taken again
	Type        string    // `com.github.push`; the event source's type when empty
	Time        time.Time // when it happened; not known when zero
	ContentType string    // of the data; `application/json` when empty
	Data        []byte
	Attributes  map[string]string // of CloudEvents, beyond these
}

// JSON is an event with JSON as its data.
func JSON(id string, data any) (Event, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return Event{}, sdk.Failed("bad-event", "the data of the event `%s` is not JSON: %v", id, err)
	}
	return Event{ID: id, Data: text}, nil
}

// IDOf is an id made of the content, for events of senders that give none.
func IDOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}
