// Package tilemachine runs programs that use AMX tiles on processors that have none, for tests.
//
// A traced process stops where it meets an instruction that its processor doesn't know. If it is one of AMX-TILE or AMX-BF16,
// it is done here, on the process's memory and on tiles that are kept for each of its threads, and the process goes on behind
// it. What a processor would refuse ends the run with an error that says why, and so does leaving tiles configured. Only
// what an instruction computes is told, nothing about its speed.
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1 chapter 18 and volume 2.
package tilemachine

import "errors"

// ErrUnavailable says that this system doesn't let a process be traced.
var ErrUnavailable = errors.New("tile instructions can only be emulated on linux/amd64 where ptrace is permitted")

// Memory is what instructions load from and store to.
type Memory interface {
	// Read fills rows, which lie stride bytes apart from address on.
	Read(address, stride uint64, rows [][]byte) error
	// Write stores rows so.
	Write(address, stride uint64, rows [][]byte) error
}
