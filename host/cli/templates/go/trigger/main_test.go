package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"colchis/sdk/trigger"
)

func TestItIsPostedWithItsKey(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Idempotency-Key") != "k-1" || string(body) != `{"order":7}` {
			t.Errorf("%v %s", r.Header, body)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	request := &trigger.Request{Config: fmt.Sprintf(`{"url": %q}`, server.URL)}
	done, err := poster{}.Execute(request, `{"order":7}`, "k-1")
	if err != nil || string(done.Answer) != `{"status": 202}` {
		t.Error(done, err)
	}
}
