//go:build wasip1

// Package heap keeps Go's garbage collector where it may run.
//
// The host allocates in the guest (`cabi_realloc`) and frees what a call left (post-return) at moments when a component may call nothing. A collection that
// starts there asks for the time, and the instance traps. So it never starts by itself; a call runs it at its end, when enough has gathered.
package heap

import (
	"runtime"
	"runtime/debug"
)

// keptMax is how much may be in use, in bytes, before the end of a call collects. Below it a warm instance never pays for a collection.
const keptMax = 48 << 20

var stats runtime.MemStats

func init() { debug.SetGCPercent(-1) }

// Settle collects when enough has gathered. Calls it at the end of each export, and nowhere else.
func Settle() {
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc > keptMax {
		runtime.GC()
	}
}
