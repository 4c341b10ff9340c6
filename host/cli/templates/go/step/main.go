//go:generate sh build.sh

// Command my-plugin is a step that counts the words of a text.
package main

import (
	"fmt"
	"strings"

	"colchis/sdk"
	"colchis/sdk/step"
)

// leastMax is the most words that can be asked for.
const leastMax = 1_000_000

// schema is that of what a template says below `plugin.my-plugin`.
const schema = `{
	"type": "object",
	"additionalProperties": false,
	"properties": {
		"text": {"type": "string", "description": "the text; the input parameter text by default"},
		"least": {"type": "integer", "minimum": 0, "description": "the fewest words that are good; 0 by default"}
	}
}`

type config struct {
	Text  string `json:"text"`
	Least int    `json:"least"`
}

type count struct{}

func init() { step.Register(count{}) }

func main() {}

func (count) Info() sdk.Info {
	return sdk.Info{
		Name: "my-plugin", Version: "0.1.0", Summary: "Counts the words of a text, as a step of a workflow", Schema: schema,
	}
}

func (count) Check(text string) []sdk.Finding {
	var asked config
	if err := sdk.Decode(text, &asked); err != nil {
		return sdk.Findings(err)
	}
	if asked.Least < 0 || asked.Least > leastMax {
		return []sdk.Finding{{Field: "least", Message: fmt.Sprintf("expected a number from 0 to %d", leastMax)}}
	}
	return nil
}

func (count) Start(request *step.Request) (*step.Progress, error) {
	asked := config{Text: request.Parameters["text"]}
	if err := sdk.Decode(request.Config, &asked); err != nil {
		return nil, err
	}
	if asked.Text == "" {
		return nil, sdk.Invalid("text", "expected a text: here, or as the input parameter `text`")
	}
	words := len(strings.Fields(asked.Text))
	if words < asked.Least {
		return &step.Progress{
			Phase: step.Failed, Message: fmt.Sprintf("%d words, and %d are expected", words, asked.Least),
		}, nil
	}
	counted := fmt.Sprint(words)
	return &step.Progress{Phase: step.Succeeded, Result: counted, Parameters: map[string]string{"words": counted}}, nil
}

// Poll is never needed: counting is over at once.
func (c count) Poll(request *step.Request, _ string) (*step.Progress, error) { return c.Start(request) }

// Stop has nothing to end.
func (count) Stop(*step.Request, string) (*step.Progress, error) {
	return &step.Progress{Phase: step.Failed, Message: "it was stopped"}, nil
}
