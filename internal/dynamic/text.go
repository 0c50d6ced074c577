package dynamic

import "unsafe"

// Text copies the zero-terminated string at an address; "" for address 0.
func Text(address uintptr) string {
	if address == 0 {
		return ""
	}
	p := *(*unsafe.Pointer)(unsafe.Pointer(&address)) // C memory, which the garbage collector doesn't move
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}
