package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestEntriesBecomeEventsAndTheLastIsTheCursor(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "after=6&max=10" {
			t.Errorf("asked for %s", r.URL)
		}
		fmt.Fprint(w, `{"entries": [{"id": "7"}, {"id": "8"}]}`)
	}))
	defer server.Close()
	opened, err := feed{}.Open(fmt.Sprintf(`{"url": %q}`, server.URL), "feed", "6")
	if err != nil {
		t.Fatal(err)
	}
	batch, err := opened.Poll(10, time.Second)
	if err != nil || len(batch.Events) != 2 || batch.Cursor != "8" || batch.Events[0].ID != "7" {
		t.Error(batch, err)
	}
}

func TestAFeedHasAnAddress(t *testing.T) {
	if found := (feed{}).Check(`{"url": "feed"}`); len(found) != 1 || found[0].Field != "url" {
		t.Error(found)
	}
}
