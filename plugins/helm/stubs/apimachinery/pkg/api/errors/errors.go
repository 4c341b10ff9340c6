// Package errors tells that an object is not there from other errors.
package errors

import "errors"

// ErrNotFound is that an object is not there.
var ErrNotFound = errors.New("not found")

// IsNotFound says whether an error is that an object is not there.
func IsNotFound(err error) bool { return errors.Is(err, ErrNotFound) }
