//colchis:world metric-provider

// Command lag-go is a metric provider that asks a queue how far it is behind: the smallest in Go, to begin one's own with.
package main

import (
	"encoding/json"

	"colchis/sdk"
	"colchis/sdk/http"
	"colchis/sdk/log"
	"colchis/sdk/metricprovider"
	"colchis/sdk/secrets"
)

const schema = `{"type": "object", "additionalProperties": false, "required": ["url", "queue"], "properties": {
	"url": {"type": "string", "description": "where the queue's numbers are"},
	"queue": {"type": "string", "minLength": 1, "description": "which queue"},
	"token": {"type": "string", "description": "the name of a granted secret that is sent as a bearer token; none by default"}}}`

type config struct {
	URL   string `json:"url"`
	Queue string `json:"queue"`
	Token string `json:"token"`
}

type lag struct{ metricprovider.Once }

func init() { metricprovider.Register(lag{}) }

func main() {}

func (lag) Info() sdk.Info {
	return sdk.Info{
		Name: "lag-go", Version: "1.0.0", Summary: "Measures how far a queue is behind.", Schema: schema,
		Needs: []sdk.Need{{What: sdk.HTTP("*"), Why: "asks the queue that a metric names"}},
	}
}

func (lag) Check(text string) []sdk.Finding {
	var asked config
	if err := sdk.Decode(text, &asked); err != nil {
		return sdk.Findings(err)
	}
	if asked.Queue == "" {
		return []sdk.Finding{{Field: "queue", Message: "expected the name of a queue, such as orders"}}
	}
	return nil
}

func (lag) Run(request *metricprovider.Request) (*metricprovider.Measurement, error) {
	var asked config
	if err := sdk.Decode(request.Config, &asked); err != nil {
		return nil, err
	}
	question := http.Get(asked.URL).Query("queue", asked.Queue)
	if asked.Token != "" {
		// A text that stands for the value, which the host puts in its place when the request leaves.
		token, err := secrets.StandIn(asked.Token)
		if err != nil {
			return nil, sdk.AsError(err).At("token")
		}
		question.Header("Authorization", "Bearer "+token)
	}
	var numbers struct {
		Lag json.RawMessage `json:"lag"`
	}
	if err := question.Fetch(&numbers); err != nil {
		return nil, err
	}
	if numbers.Lag == nil {
		return nil, sdk.Failed("bad-answer", "the answer has no field `lag`")
	}
	log.Write(log.Info, "asked", log.F("queue", asked.Queue))
	return metricprovider.Of(numbers.Lag)
}

func (lag) Metadata(text string) (map[string]string, error) {
	var asked config
	err := sdk.Decode(text, &asked)
	return map[string]string{"queue": asked.Queue}, err
}
