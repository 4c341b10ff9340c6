//go:generate sh build.sh

// Command my-plugin measures how far a queue is behind: asks the queue's own numbers, and answers one of them.
package main

import (
	"encoding/json"
	"strings"

	"colchis/sdk"
	"colchis/sdk/http"
	"colchis/sdk/metricprovider"
)

// schema is that of what users write below the provider's name.
const schema = `{
	"type": "object",
	"additionalProperties": false,
	"required": ["url", "queue"],
	"properties": {
		"url": {"type": "string", "description": "where the numbers are"},
		"queue": {"type": "string", "description": "which queue"}
	}
}`

type config struct {
	URL   string `json:"url"`
	Queue string `json:"queue"`
}

// provider measures once, and is done: a measurement that takes long has Resume and Terminate instead of Once.
type provider struct{ metricprovider.Once }

func init() { metricprovider.Register(provider{}) }

func main() {}

func (provider) Info() sdk.Info {
	return sdk.Info{
		Name:    "my-plugin",
		Version: "0.1.0",
		Summary: "Measures how far a queue is behind",
		Schema:  schema,
		Needs:   []sdk.Need{{What: sdk.HTTP("*"), Why: "asks the service that a metric names"}},
	}
}

func (provider) Check(text string) []sdk.Finding {
	var asked config
	if err := sdk.Decode(text, &asked); err != nil {
		return sdk.Findings(err)
	}
	if strings.TrimSpace(asked.Queue) == "" {
		return []sdk.Finding{{Field: "queue", Message: "expected the name of a queue, such as orders"}}
	}
	return nil
}

func (provider) Run(request *metricprovider.Request) (*metricprovider.Measurement, error) {
	var asked config
	if err := sdk.Decode(request.Config, &asked); err != nil {
		return nil, err
	}
	var numbers struct {
		Lag json.RawMessage `json:"lag"`
	}
	if err := http.Get(asked.URL).Query("queue", asked.Queue).Fetch(&numbers); err != nil {
		return nil, err
	}
	if numbers.Lag == nil {
		return nil, sdk.Failed("bad-answer", "the answer has no field `lag`")
	}
	return metricprovider.Of(numbers.Lag)
}

func (provider) Metadata(text string) (map[string]string, error) {
	var asked config
	err := sdk.Decode(text, &asked)
	return map[string]string{"queue": asked.Queue}, err
}
