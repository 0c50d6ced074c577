// Package tilemachine emulates AMX tiles in tests, on processors that have none.
//
// The program under test runs as a traced process, which stops at each instruction that its processor doesn't know. An instruction
// of AMX-TILE or AMX-BF16 is emulated, on the process's memory and on tiles kept for each of its threads, and the process continues
// after it. The run fails with the reason where a processor would fault, and where a thread leaves tiles configured. The emulator
// says nothing about speed.
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1 chapter 18 and volume 2.
package tilemachine

import "errors"

// ErrUnavailable is returned where the system doesn't permit tracing.
var ErrUnavailable = errors.New("tile instructions can only be emulated on linux/amd64 where ptrace is permitted")

// Memory is the memory that instructions load from and store to.
type Memory interface {
	// Read fills rows from memory, where they lie stride bytes apart from address on.
	Read(address, stride uint64, rows [][]byte) error
	// Write stores rows in the same layout.
	Write(address, stride uint64, rows [][]byte) error
}
