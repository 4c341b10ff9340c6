package http

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"colchis/sdk"
)

// excerptMax is how many letters of an answer stand in an error.
const excerptMax = 300

// Response is an answer, read to its end.
type Response struct {
	Status  int
	Headers [][2]string // in their order
	Body    []byte
}

// Header is a header's first value; empty when there is none.
func (r *Response) Header(name string) string {
	for _, header := range r.Headers {
		if strings.EqualFold(header[0], name) {
			return header[1]
		}
	}
	return ""
}

// JSON reads the body.
func (r *Response) JSON(into any) error {
	if err := json.Unmarshal(r.Body, into); err != nil {
		return sdk.Failed("bad-answer", "the answer is not the JSON that was expected: %v; it begins with %s", err, r.Excerpt())
	}
	return nil
}

// OK is an error of the class that fits when the status is not 2xx, with the beginning of what was said.
func (r *Response) OK() error {
	if r.Status >= 200 && r.Status < 300 {
		return nil
	}
	message := fmt.Sprintf("the answer is %d", r.Status)
	if text := r.Excerpt(); text != "" {
		message += ": " + text
	}
	return r.Error(message)
}

// Error is an error of the class that fits the status, with a sentence of one's own.
func (r *Response) Error(message string) error {
	err := &sdk.Error{Class: sdk.Permanent, Code: fmt.Sprintf("status-%d", r.Status), Message: message}
	after, told := r.retryAfter()
	switch {
	case r.Status == 429 || r.Status == 503 && told:
		err.Class, err.RetryAfter = sdk.Throttled, after
	case r.Status == 401 || r.Status == 403 || r.Status == 407:
		err.Class = sdk.Denied
	case r.Status == 404 || r.Status == 410:
		err.Class = sdk.NotFound
	case r.Status == 408 || r.Status == 425 || r.Status >= 500:
		err.Class = sdk.Unavailable
	}
	return err
}

// retryAfter is `Retry-After` in seconds. Dates are not read: a clock that differs would turn them into anything.
func (r *Response) retryAfter() (time.Duration, bool) {
	seconds, err := strconv.ParseUint(strings.TrimSpace(r.Header("retry-after")), 10, 31)
	return time.Duration(seconds) * time.Second, err == nil
}

// Excerpt is the beginning of the body on one line, for errors.
func (r *Response) Excerpt() string {
	text := strings.ToValidUTF8(string(r.Body[:min(len(r.Body), excerptMax*4)]), "\uFFFD")
	letters := []rune(strings.Join(strings.Fields(text), " "))
	return string(letters[:min(len(letters), excerptMax)])
}
