package main

import (
	"os"
	"testing"

	"colchis/sdk"
	"colchis/sdk/step"
)

func TestWordsAreCounted(t *testing.T) {
	config, err := os.ReadFile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	done, err := count{}.Start(&step.Request{Config: string(config)})
	if err != nil || done.Result != "4" {
		t.Error(done, err)
	}
}

func TestATextIsNeeded(t *testing.T) {
	if _, err := (count{}).Start(&step.Request{Config: "{}"}); sdk.AsError(err).Field != "text" {
		t.Error(err)
	}
}
