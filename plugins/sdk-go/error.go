// Package sdk has what Go plugins of every kind share: errors, what a plugin says about itself, strict configurations, trees of files and the log.
//
// It decides how errors and configurations are worded. It must not know kinds of plugins (each has a package: renderer, step) nor how the server runs them.
package sdk

import (
	"errors"
	"fmt"
	"time"
)

// Class says what the caller does about an error.
type Class uint8

// The classes, as `error-class` of `colchis:plugin/types` has them.
const (
	InvalidConfig Class = iota // the configuration cannot work; not tried again until it changes
	Denied                     // refused; not tried again until something changes
	Unavailable                // not there just now; tried again with back-off
	Throttled                  // asked to wait; tried again after RetryAfter, or with back-off
	NotFound                   // what was asked for is not there
	Permanent                  // failed, and would fail again
)

// Error is why a call gave no result. Any other error that a plugin returns is told as Permanent, with the code `failed`.
type Error struct {
	Class      Class
	RetryAfter time.Duration // for Throttled; 0 when nothing was told
	Code       string        // a stable word for programs: letters, digits and `-`
	Message    string        // one sentence for people, without values of secrets
	Field      string        // the field of the configuration at fault, as a path
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Invalid is a field of the configuration that cannot work.
func Invalid(field, format string, args ...any) *Error {
	return &Error{Class: InvalidConfig, Code: "invalid-config", Message: fmt.Sprintf(format, args...), Field: field}
}

// Failed is what would fail again, with a code for programs.
func Failed(code, format string, args ...any) *Error {
	return &Error{Class: Permanent, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Missing is what was asked for and is not there.
func Missing(format string, args ...any) *Error {
	return &Error{Class: NotFound, Code: "not-found", Message: fmt.Sprintf(format, args...)}
}

// At says which field is at fault, unless that is told already.
func (e *Error) At(field string) *Error {
	if e.Field == "" {
		e.Field = field
	}
	return e
}

// AsError is any error as an *Error.
func AsError(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	return Failed("failed", "%v", err)
}

// Refused is what the other side or the host refuses.
func Refused(code, format string, args ...any) *Error {
	return &Error{Class: Denied, Code: code, Message: fmt.Sprintf(format, args...)}
}

// NotThere is a side that does not answer just now: tried again with back-off.
func NotThere(code, format string, args ...any) *Error {
	return &Error{Class: Unavailable, Code: code, Message: fmt.Sprintf(format, args...)}
}
