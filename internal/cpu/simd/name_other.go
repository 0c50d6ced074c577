//go:build !linux

package simd

// ProcessorName returns the operating system's name of the processor, "" if it is not known.
func ProcessorName() string { return "" }
