package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"colchis/sdk"
	"colchis/sdk/metricprovider"
	"colchis/sdk/sdktest"
)

func queues(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Authorization") != "Bearer s3cret":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Query().Get("queue") != "orders":
		w.WriteHeader(http.StatusNotFound)
	default:
		fmt.Fprint(w, `{"lag": 7}`)
	}
}

func TestTheLagIsMeasured(t *testing.T) {
	sdktest.Begin(t)
	sdktest.SetSecret("token", "s3cret")
	server := httptest.NewServer(http.HandlerFunc(queues))
	defer server.Close()
	for _, one := range []struct {
		config, value string
		class         sdk.Class
	}{
		{fmt.Sprintf(`{"url": "%s", "queue": "orders", "token": "token"}`, server.URL), "7", 0},
		{fmt.Sprintf(`{"url": "%s", "queue": "orders"}`, server.URL), "", sdk.Denied},
		{fmt.Sprintf(`{"url": "%s", "queue": "others", "token": "token"}`, server.URL), "", sdk.NotFound},
		{fmt.Sprintf(`{"url": "%s", "queue": "orders", "token": "other"}`, server.URL), "", sdk.Denied},
	} {
		made, err := lag{}.Run(&metricprovider.Request{Config: one.config})
		if one.value == "" {
			if err == nil || sdk.AsError(err).Class != one.class {
				t.Errorf("%s: %v", one.config, err)
			}
			continue
		}
		if err != nil || string(made.Value) != one.value {
			t.Errorf("%s: %v %v", one.config, made, err)
		}
	}
}

func TestAQueueHasAName(t *testing.T) {
	for _, one := range []struct{ config, field string }{
		{`{"url": "http://q", "queue": ""}`, "queue"}, {`{"url": "http://q", "queue": "a", "topic": ""}`, "topic"},
	} {
		if found := (lag{}).Check(one.config); len(found) != 1 || found[0].Field != one.field {
			t.Errorf("%s: %v", one.config, found)
		}
	}
}
