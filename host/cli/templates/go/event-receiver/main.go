//go:generate sh build.sh

// Command my-plugin takes in deliveries of a service: documents with an `id`, sent by POST.
package main

import (
	"encoding/json"
	"strings"

	"colchis/sdk"
	"colchis/sdk/eventreceiver"
)

// schema is that of what users write for one event of the source.
const schema = `{
	"type": "object",
	"additionalProperties": false,
	"required": ["path"],
	"properties": {
		"path": {"type": "string", "description": "the path at which deliveries come in"}
	}
}`

type config struct {
	Path string `json:"path"`
}

type deliveries struct{}

func init() { eventreceiver.Register(deliveries{}) }

func main() {}

func (deliveries) Info() sdk.Info {
	return sdk.Info{Name: "my-plugin", Version: "0.1.0", Summary: "Takes in deliveries with an id", Schema: schema}
}

func (deliveries) Check(text string) []sdk.Finding {
	var asked config
	if err := sdk.Decode(text, &asked); err != nil {
		return sdk.Findings(err)
	}
	if !strings.HasPrefix(asked.Path, "/") {
		return []sdk.Finding{{Field: "path", Message: "expected a path that begins with /, such as /orders"}}
	}
	return nil
}

func (deliveries) Endpoints(text, _ string) ([]eventreceiver.Endpoint, error) {
	var asked config
	err := sdk.Decode(text, &asked)
	return []eventreceiver.Endpoint{{Path: asked.Path, Methods: []string{"POST"}}}, err
}

func (deliveries) OnRequest(_, _ string, request *eventreceiver.Incoming) (*eventreceiver.Outcome, error) {
	var document map[string]any
	if err := json.Unmarshal(request.Body, &document); err != nil {
		return eventreceiver.Answer(400, "expected a document in JSON"), nil
	}
	// The sender's id: a delivery that is sent again is the same event.
	id, is := document["id"].(string)
	if !is {
		return eventreceiver.Answer(422, "expected a field `id` with a text"), nil
	}
	return eventreceiver.Events(eventreceiver.Event{ID: id, Data: request.Body}), nil
}
