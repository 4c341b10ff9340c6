//go:build wasip1

// Package heap keeps Go's garbage collector where it may run.
//
// The host allocates in the guest (`cabi_realloc`) and frees what a call left (post-return) at moments when a component may call nothing. A collection that
// starts there asks for the time, and the instance traps. So it never starts by itself; a call runs it at its end, when enough has gathered.
package heap

import (
	"runtime"
	"runtime/debug"

	wit "go.bytecodealliance.org/pkg/wit/runtime"
)

// How much may be in use, in bytes, before the end of a call collects: twice what the last collection left, within these. Below the first, a warm instance never pays for a
// collection; above the second, the next call would have too little of the 64 MiB that a plugin has by default, unless so much is
// left that there would be no room.
const (
	keptMin = 24 << 20
	keptMax = 40 << 20
	roomMin = 12 << 20
)

var (
	stats runtime.MemStats
	kept  uint64 = keptMin
)

func init() { debug.SetGCPercent(-1) }

// Settle collects when enough has gathered. Calls it at the end of each export, and nowhere else.
func Settle() {
	// What the host put into memory as answers to this call was copied. The generated code lets go of it in exports that are given texts, and a subscription has none.
	wit.Unpin()
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc <= kept {
		return
	}
	collect()
}

// Ahead does something in an `init` and cleans up behind it: what it left that nobody needs is nothing but zeros, which a component that begins ahead does not carry along.
func Ahead(do func()) {
	// Room is used again before there is more of it.
	debug.SetGCPercent(5)
	do()
	collect()
	var taken [][]byte
	// What is new is zeros already.
	for size := stats.HeapSys; stats.HeapSys == size && stats.HeapIdle > piece; runtime.ReadMemStats(&stats) {
		taken = append(taken, make([]byte, piece))
	}
	runtime.KeepAlive(taken)
	taken = nil
	collect()
}

// piece is how much is cleared at once, in bytes: whole pages of the heap.
const piece = 64 << 10

// collect collects now, which may be done where the component may call the host.
func collect() {
	// A goal for the heap while it is collected, and none afterwards: else the runtime goes on to keep the heap near its former size, and each growth of it asks for the time,
	// which is forbidden where the host allocates.
	debug.SetGCPercent(100)
	runtime.GC()
	debug.SetGCPercent(-1)
	runtime.ReadMemStats(&stats)
	kept = max(min(2*stats.HeapAlloc, keptMax), stats.HeapAlloc+roomMin, keptMin)
}
