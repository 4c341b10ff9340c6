// Package log writes to the plugin's log: `colchis plugin logs` shows it, with the object that the call was for.
package log

import (
	"fmt"

	"colchis/sdk/internal/host"
)

// Level is how much a line matters.
type Level uint8

// The levels.
const (
	Error Level = iota // something went wrong
	Warn               // something may go wrong
	Info               // worth knowing
	Debug              // for those who look for a fault
	Trace              // every detail
)

// Field is a name and a value beside a line.
type Field struct {
	Name  string
	Value any
}

// F is a field.
func F(name string, value any) Field { return Field{name, value} }

// Enabled says whether a line of this level would be kept: saves the work of making it.
func Enabled(level Level) bool { return host.LogEnabled(uint8(level)) }

// Write writes one line.
func Write(level Level, message string, fields ...Field) {
	pairs := make([][2]string, len(fields))
	for i, field := range fields {
		pairs[i] = [2]string{field.Name, fmt.Sprint(field.Value)}
	}
	host.Log(uint8(level), message, pairs)
}

// Errorf writes that something went wrong.
func Errorf(format string, args ...any) { Write(Error, fmt.Sprintf(format, args...)) }

// Warnf writes that something may go wrong.
func Warnf(format string, args ...any) { Write(Warn, fmt.Sprintf(format, args...)) }

// Infof writes what is worth knowing.
func Infof(format string, args ...any) { Write(Info, fmt.Sprintf(format, args...)) }
