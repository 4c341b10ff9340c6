package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"colchis/sdk/metricprovider"
)

func TestTheLagIsMeasured(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("queue") != "orders" {
			t.Errorf("asked for %s", r.URL)
		}
		fmt.Fprint(w, `{"lag": 7}`)
	}))
	defer server.Close()
	config := fmt.Sprintf(`{"url": %q, "queue": "orders"}`, server.URL)
	made, err := provider{}.Run(&metricprovider.Request{Config: config})
	if err != nil || string(made.Value) != "7" {
		t.Error(made, err)
	}
}

func TestAQueueHasAName(t *testing.T) {
	found := provider{}.Check(`{"url": "http://q", "queue": ""}`)
	if len(found) != 1 || found[0].Field != "queue" {
		t.Error(found)
	}
}
