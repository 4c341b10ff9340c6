//go:generate sh build.sh

// Command my-plugin posts what came in to a service, with a key that keeps it from being done twice.
package main

import (
	"fmt"
	"strings"

	"colchis/sdk"
	"colchis/sdk/http"
	"colchis/sdk/trigger"
)

// schema is that of what users write below the trigger's name.
const schema = `{
	"type": "object",
	"additionalProperties": false,
	"required": ["url"],
	"properties": {
		"url": {"type": "string", "description": "where it is posted to"}
	}
}`

type config struct {
	URL string `json:"url"`
}

// poster has nothing to resolve, and is done when it has posted: others have Resolve and CheckPolicy instead of Plain.
type poster struct{ trigger.Plain }

func init() { trigger.Register(poster{}) }

func main() {}

func (poster) Info() sdk.Info {
	return sdk.Info{
		Name:    "my-plugin",
		Version: "0.1.0",
		Summary: "Posts what came in to a service",
		Schema:  schema,
		Needs:   []sdk.Need{{What: sdk.HTTP("*"), Why: "posts to the service that the trigger names"}},
	}
}

func (poster) Check(text string) []sdk.Finding {
	var asked config
	if err := sdk.Decode(text, &asked); err != nil {
		return sdk.Findings(err)
	}
	if !strings.HasPrefix(asked.URL, "http://") && !strings.HasPrefix(asked.URL, "https://") {
		return []sdk.Finding{{Field: "url", Message: "expected a URL that begins with http:// or https://"}}
	}
	return nil
}

func (poster) Execute(request *trigger.Request, payload, idempotencyKey string) (*trigger.Executed, error) {
	var asked config
	if err := sdk.Decode(request.Config, &asked); err != nil {
		return nil, err
	}
	// The service does a thing of the same key once.
	post := http.Post(asked.URL).Header("Idempotency-Key", idempotencyKey)
	answer, err := post.Header("Content-Type", "application/json").Body([]byte(payload)).Send()
	if err == nil {
		err = answer.OK()
	}
	if err != nil {
		return nil, err
	}
	return &trigger.Executed{
		Message: "posted to " + asked.URL,
		Answer:  fmt.Appendf(nil, `{"status": %d}`, answer.Status),
	}, nil
}
