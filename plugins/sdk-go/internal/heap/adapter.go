//go:build wasip1

package heap

import "unsafe"

//go:linkname sbrk runtime.sbrk
func sbrk(n uintptr) unsafe.Pointer

// reallocForAdapter gives memory to the adapter of WASI preview 1, which keeps it for as long as the instance lives: never the collector's, which would give it to somebody else.
// It is asked at the adapter's first use, in a component that began ahead as in one that did not.
//
//go:wasmexport cabi_realloc_adapter
func reallocForAdapter(_ unsafe.Pointer, _, align, size uintptr) unsafe.Pointer {
	at := sbrk(size + align - 1)
	return unsafe.Add(at, -uintptr(at)&(align-1))
}
