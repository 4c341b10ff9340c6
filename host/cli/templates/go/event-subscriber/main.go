//go:generate sh build.sh

// Command my-plugin brings in the entries of a feed: asks for those behind the last that it has seen.
package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"colchis/sdk"
	"colchis/sdk/eventsubscriber"
	"colchis/sdk/http"
)

// schema is that of what users write for one event of the source.
const schema = `{
	"type": "object",
	"additionalProperties": false,
	"required": ["url"],
	"properties": {
		"url": {
			"type": "string",
			"description": "where the feed is: it answers {\"entries\": [{\"id\": \"7\", …}]}, those behind after alone"
		}
	}
}`

type config struct {
	URL string `json:"url"`
}

type feed struct{}

func init() { eventsubscriber.Register(feed{}) }

func main() {}

func (feed) Info() sdk.Info {
	return sdk.Info{
		Name:    "my-plugin",
		Version: "0.1.0",
		Summary: "Brings in the entries of a feed",
		Schema:  schema,
		Needs:   []sdk.Need{{What: sdk.HTTP("*"), Why: "asks the feed that the event names"}},
	}
}

func (feed) Check(text string) []sdk.Finding {
	var asked config
	if err := sdk.Decode(text, &asked); err != nil {
		return sdk.Findings(err)
	}
	if !strings.HasPrefix(asked.URL, "http://") && !strings.HasPrefix(asked.URL, "https://") {
		return []sdk.Finding{{Field: "url", Message: "expected a URL that begins with http:// or https://"}}
	}
	return nil
}

func (feed) Open(text, _, cursor string) (eventsubscriber.Subscription, error) {
	var asked config
	if err := sdk.Decode(text, &asked); err != nil {
		return nil, err
	}
	return &reading{url: asked.URL, cursor: cursor}, nil
}

// reading is where a subscription stands. Nothing of it has to be acknowledged or closed.
type reading struct {
	eventsubscriber.Plain
	url, cursor string
}

func (r *reading) Poll(most int, wait time.Duration) (*eventsubscriber.Batch, error) {
	var answer struct {
		Entries []json.RawMessage `json:"entries"`
	}
	request := http.Get(r.url).Query("after", r.cursor).Query("max", fmt.Sprint(most)).Within(max(wait, time.Second))
	if err := request.Fetch(&answer); err != nil {
		return nil, err
	}
	batch := &eventsubscriber.Batch{}
	for _, entry := range answer.Entries[:min(len(answer.Entries), most)] {
		var known struct {
			ID string `json:"id"`
		}
		// An entry without an id could come twice and nobody would know.
		if json.Unmarshal(entry, &known) == nil && known.ID != "" {
			batch.Events = append(batch.Events, eventsubscriber.Event{ID: known.ID, Data: entry})
			r.cursor = known.ID
		}
	}
	batch.Cursor = r.cursor
	return batch, nil
}
