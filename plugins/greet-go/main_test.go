package main

import (
	"testing"

	"colchis/sdk"
	"colchis/sdk/step"
)

func TestItGreetsWhomItIsTold(t *testing.T) {
	for _, one := range []struct{ config, result, field string }{
		{`{}`, "Hello, world!", ""},
		{`{"who": "Ada", "greeting": "Grüße"}`, "Grüße, Ada!", ""},
		{`{"who": ""}`, "", "who"},
		{`{"whom": "Ada"}`, "", "whom"},
	} {
		made, err := greet{}.Start(&step.Request{Config: one.config, Parameters: map[string]string{"who": "world"}})
		if err != nil {
			if own := sdk.AsError(err); own.Field != one.field || one.field == "" {
				t.Errorf("%s: %v", one.config, err)
			}
			continue
		}
		if made.Result != one.result || made.Phase != step.Succeeded {
			t.Errorf("%s: %v", one.config, made)
		}
	}
}
