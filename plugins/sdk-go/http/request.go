// Package http sends requests: over `wasi:http` with an address, a deadline and errors that say what the caller does about them.
//
//	var level struct{ Level int }
//	err := http.Get("https://api.example.com/v1/level").Query("service", "shop").Fetch(&level)
//
// Redirects are not followed: the host that was granted is the host that is asked. A request ends before its call does, so that an author's error is told rather
// than the host's. A stand-in of a secret is sent as it stands; the host puts the value in its place. In tests, requests go to real servers, as those of
// `net/http/httptest`.
package http

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"colchis/sdk"
	"colchis/sdk/call"
	"colchis/sdk/internal/host"
)

// BodyBytesMax is the longest answer that is read, where a request says nothing else.
const BodyBytesMax = 8 << 20

// Timeout is how long a request may take, where it says nothing else and the call has that long.
const Timeout = 30 * time.Second

// reserve is what is left of the call for what comes behind a request.
const reserve = 50 * time.Millisecond

// Request is a request that is being made. What is wrong with it is told when it is sent.
type Request struct {
	method  string
	url     string
	query   []string
	headers [][2]string
	body    []byte
	timeout time.Duration
	longest int
	err     error
}

// New is a request of a method and an address with its scheme.
func New(method, url string) *Request {
	return &Request{method: method, url: url, timeout: Timeout, longest: BodyBytesMax}
}

// Get is a GET.
func Get(url string) *Request { return New("GET", url) }

// Post is a POST.
func Post(url string) *Request { return New("POST", url) }

// Header adds a header; one of the same name stays.
func (r *Request) Header(name, value string) *Request {
	r.headers = append(r.headers, [2]string{name, value})
	return r
}

// Query adds a name and a value to the query.
func (r *Request) Query(name, value string) *Request {
	r.query = append(r.query, Encode(name)+"="+Encode(value))
	return r
}

// Encode is a name or value as it stands in a query: letters, digits and `-._~` stay, everything else is percent-encoded.
func Encode(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// Body is the body as it is.
func (r *Request) Body(body []byte) *Request {
	r.body = body
	return r
}

// JSON is a JSON body, and a header that says so unless there is one.
func (r *Request) JSON(value any) *Request {
	text, err := json.Marshal(value)
	if err != nil {
		r.err = sdk.Failed("bad-request", "the request's body is not JSON: %v", err)
	}
	r.body = text
	return r.contentType("application/json")
}

// Form is a form as the body.
func (r *Request) Form(fields url.Values) *Request {
	r.body = []byte(fields.Encode())
	return r.contentType("application/x-www-form-urlencoded")
}

func (r *Request) contentType(value string) *Request {
	for _, header := range r.headers {
		if strings.EqualFold(header[0], "content-type") {
			return r
		}
	}
	return r.Header("content-type", value)
}

// Within says that it may take that long, until the answer is read; never longer than the call has.
func (r *Request) Within(timeout time.Duration) *Request {
	r.timeout = timeout
	return r
}

// BodyBytesMax says that a longer answer is an error.
func (r *Request) BodyBytesMax(bytes int) *Request {
	r.longest = bytes
	return r
}

// Send sends it and reads the whole answer. Whether the status is good is asked with Response.OK.
func (r *Request) Send() (*Response, error) {
	if r.err != nil {
		return nil, r.err
	}
	made, err := r.target()
	if err != nil {
		return nil, err
	}
	for _, header := range r.headers {
		if err := checkHeader(header[0], header[1]); err != nil {
			return nil, err
		}
	}
	if err := call.Check(); err != nil {
		return nil, err
	}
	made.Timeout = min(r.timeout, call.Remaining()-reserve)
	if made.Timeout <= 0 {
		return nil, sdk.NotThere("timeout", "no time is left to ask %s", made.Authority)
	}
	answer, err := host.Send(made)
	if err != nil {
		return nil, err
	}
	return &Response{Status: answer.Status, Headers: answer.Headers, Body: answer.Body}, nil
}

// Fetch sends it, and reads the JSON of a good answer.
func (r *Request) Fetch(into any) error {
	answer, err := r.Send()
	if err == nil {
		err = answer.OK()
	}
	if err != nil {
		return err
	}
	return answer.JSON(into)
}

func checkHeader(name, value string) error {
	token := func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	}
	control := func(r rune) bool { return r < 0x20 && r != '\t' || r == 0x7f }
	switch {
	case name == "" || strings.ContainsFunc(name, token):
		return sdk.Invalid("", "`%s` is no name of a header", name)
	case strings.ContainsFunc(value, control):
		// Its value may be a secret.
		return sdk.Invalid("", "the header `%s` has a line break or another control character in it", name)
	}
	return nil
}
