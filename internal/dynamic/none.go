//go:build !linux || !(amd64 || arm64)

// Package dynamic opens shared libraries while the program runs, without cgo. It doesn't on this system.
package dynamic

import "errors"

var errNone = errors.New("shared libraries are not opened on this system")

// Open returns an error.
func Open(string) (uintptr, error) { return 0, errNone }

// Symbol returns an error.
func Symbol(uintptr, string) (uintptr, error) { return 0, errNone }

// FileOf returns asked.
func FileOf(_ uintptr, asked string) string { return asked }

// Call is never called, as there is no library.
func Call(uintptr, ...uintptr) uintptr { panic("dynamic: no library") }
