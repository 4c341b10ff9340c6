package http

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"colchis/sdk"
	"colchis/sdk/sdktest"
)

// told is what a server was asked.
type told struct {
	Method, Path, Query, Body string
	Header                    http.Header
}

func echo(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_ = json.NewEncoder(w).Encode(told{r.Method, r.URL.Path, r.URL.RawQuery, string(body), r.Header})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestWhatIsAskedArrives(t *testing.T) {
	sdktest.Begin(t)
	token := sdktest.SetSecret("token", "s3cret")
	var got told
	err := Post(echo(t)+"/a b?x=1").Query("q", "a&b").Header("Authorization", "Bearer "+token).JSON(map[string]int{"n": 7}).Fetch(&got)
	if err != nil {
		t.Fatal(err)
	}
	if got.Method != "POST" || got.Path != "/a b" || got.Query != "x=1&q=a%26b" || got.Body != `{"n":7}` {
		t.Error(got)
	}
	if got.Header.Get("Authorization") != "Bearer s3cret" || got.Header.Get("Content-Type") != "application/json" {
		t.Error(got.Header)
	}
	if err := Post(echo(t)).Form(url.Values{"a": {"b c"}}).Fetch(&got); err != nil || got.Body != "a=b+c" || got.Path != "/" {
		t.Error(got, err)
	}
}

func TestAStatusSaysWhatTheCallerDoes(t *testing.T) {
	for _, one := range []struct {
		status int
		after  string
		class  sdk.Class
		wait   time.Duration
	}{
		{400, "", sdk.Permanent, 0},
		{401, "", sdk.Denied, 0},
		{403, "", sdk.Denied, 0},
		{404, "", sdk.NotFound, 0},
		{408, "", sdk.Unavailable, 0},
		{429, "7", sdk.Throttled, 7 * time.Second},
		{429, "Wed, 21 Oct 2015 07:28:00 GMT", sdk.Throttled, 0},
		{500, "", sdk.Unavailable, 0},
		{503, "2", sdk.Throttled, 2 * time.Second},
		{302, "", sdk.Permanent, 0},
	} {
		response := &Response{Status: one.status, Body: []byte("  out\n of   order ")}
		if one.after != "" {
			response.Headers = [][2]string{{"Retry-After", one.after}}
		}
		own := sdk.AsError(response.OK())
		if own.Class != one.class || own.RetryAfter != one.wait || !strings.HasSuffix(own.Message, ": out of order") {
			t.Errorf("%d: %+v", one.status, own)
		}
	}
	if err := (&Response{Status: 204}).OK(); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeSentIsSaid(t *testing.T) {
	sdktest.Begin(t)
	for _, one := range []struct {
		request *Request
		says    string
	}{
		{Get("a.example/x?token=s"), "`a.example/x`: an address begins with http:// or https://"},
		{Get("ftp://a?token=s"), "`ftp://a`: an address begins with"},
		{Get("http:///x"), "there is no host in it"},
		{Get("http://user:pass@a/"), "credentials do not belong into an address"},
		{Get("http://a").Header("a b", "c"), "`a b` is no name of a header"},
		{Get("http://a").Header("a", "b\nc"), "has a line break"},
		{Post("http://a").JSON(func() {}), "the request's body is not JSON"},
	} {
		_, err := one.request.Send()
		if err == nil || !strings.Contains(err.Error(), one.says) || strings.Contains(err.Error(), "token=s") || strings.Contains(err.Error(), "pass@") {
			t.Error(one.says, err)
		}
	}
}

func TestARequestEndsBeforeItsCall(t *testing.T) {
	sdktest.Begin(t)
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	sdktest.SetCall(200*time.Millisecond, false)
	if _, err := Get(server.URL).Send(); sdk.AsError(err).Code != "timeout" {
		t.Error(err)
	}
	sdktest.SetCall(time.Minute, true)
	if _, err := Get(server.URL).Send(); sdk.AsError(err).Code != "cancelled" {
		t.Error(err)
	}
}

func TestALongAnswerIsAnError(t *testing.T) {
	sdktest.Begin(t)
	if _, err := Get(echo(t)).BodyBytesMax(10).Send(); sdk.AsError(err).Code != "body-too-large" {
		t.Error(err)
	}
	server := httptest.NewServer(nil)
	server.Close()
	if _, err := Get(server.URL).Send(); sdk.AsError(err).Class != sdk.Unavailable {
		t.Error(err)
	}
}

func TestAGrantHasSchemeAndPort(t *testing.T) {
	for address, grant := range map[string]string{
		"https://a/x": "https://a:443", "http://a:9090/": "http://a:9090", "http://[::1]/": "http://[::1]:80",
	} {
		if made, err := Get(address).target(); err != nil || made.Grant != grant {
			t.Error(made, err)
		}
	}
}
