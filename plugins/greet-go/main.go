//colchis:world workflow-step

// Command greet-go is a step that greets: the smallest plugin in Go, to begin one's own with.
package main

import (
	"fmt"
	"unicode/utf8"

	"colchis/sdk"
	"colchis/sdk/step"
)

const schema = `{"type": "object", "additionalProperties": false, "properties": {
	"greeting": {"type": "string", "description": "the word; Hello by default"},
	"who": {"type": "string", "description": "whom; the input parameter who by default"}}}`

type config struct {
	Greeting string `json:"greeting"`
	Who      string `json:"who"`
}

type greet struct{}

func init() { step.Register(greet{}) }

func main() {}

func (greet) Info() sdk.Info {
	return sdk.Info{Name: "greet-go", Version: "1.0.0", Summary: "Greets, as a step of a workflow.", Schema: schema}
}

func (greet) Check(text string) []sdk.Finding {
	if err := sdk.Decode(text, &config{}); err != nil {
		own := sdk.AsError(err)
		return []sdk.Finding{{Field: own.Field, Message: own.Message}}
	}
	return nil
}

func (greet) Start(request *step.Request) (*step.Progress, error) {
	asked := config{Greeting: "Hello", Who: request.Parameters["who"]}
	if err := sdk.Decode(request.Config, &asked); err != nil {
		return nil, err
	}
	if asked.Who == "" {
		return nil, sdk.Invalid("who", "expected somebody to greet: here, or as the input parameter `who`")
	}
	text := fmt.Sprintf("%s, %s!", asked.Greeting, asked.Who)
	length := fmt.Sprint(utf8.RuneCountInString(text))
	return &step.Progress{Phase: step.Succeeded, Result: text, Parameters: map[string]string{"length": length}}, nil
}

// Poll is never needed: a greeting is over at once.
func (g greet) Poll(request *step.Request, _ string) (*step.Progress, error) { return g.Start(request) }

// Stop has nothing to end.
func (greet) Stop(*step.Request, string) (*step.Progress, error) {
	return &step.Progress{Phase: step.Failed, Message: "it was stopped"}, nil
}
