//go:build wasip1

package renderer

import "colchis/sdk/internal/heap"

// Ahead does something before the first call: reading tables, compiling expressions, a rendering for nothing. Called in an `init`, after Register.
//
// `colchis plugin componentize` runs a renderer's `init` while it makes the component and keeps what that left in memory, so that it costs a call nothing.
// Nothing of the host is there.
func Ahead(do func()) { heap.Ahead(do) }
