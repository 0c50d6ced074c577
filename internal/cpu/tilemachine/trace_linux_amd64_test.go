package tilemachine

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/cpu"
)

const program = "BESTIARY_TEST_TILE_PROGRAM"

// programs are machine code; rax holds the address of a configuration, and rcx is 64. TestRun replaces
// the byte before each tile instruction.
var programs = map[string]struct {
	code    []byte
	failure string // "" succeeds
}{
	"nothing":     {[]byte{}, ""},
	"in order":    {join(loadConfiguration, zeroTile, releaseTiles), ""},
	"no tiles":    {zeroTile, "#UD"},
	"left behind": {loadConfiguration, "with its tiles configured"},
	"twice":       {join(loadConfiguration, loadConfiguration), "TILERELEASE is missing"},
	"far away":    {join(loadConfiguration, []byte{0x31, 0xc0}, loadTile), "#PF"}, // xor eax, eax
	"unknown":     {[]byte{0x0f, 0x0b}, "status"},                                 // UD2
}

var (
	loadConfiguration = []byte{prefix, 0xc4, 0xe2, 0x78, 0x49, 0x00}       // (rax)
	zeroTile          = []byte{prefix, 0xc4, 0xe2, 0x7b, 0x49, 0xc0}       // tmm0
	loadTile          = []byte{prefix, 0xc4, 0xe2, 0x7b, 0x4b, 0x04, 0x08} // (rax,rcx), tmm0
	releaseTiles      = []byte{prefix, 0xc4, 0xe2, 0x78, 0x49, 0xc0}
)

// prefix is the placeholder before each tile instruction; noOperation or LOCK replaces it.
const prefix, noOperation = 0x2e, 0x90

func join(parts ...[]byte) (all []byte) {
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// TestRun traces processes that run the programs. A processor with AMX executes plain tile instructions itself, so there only
// the variant with LOCK prefixes, on which every processor faults, reaches the emulator.
func TestRun(t *testing.T) {
	if name := os.Getenv(program); name != "" {
		name, locked := strings.CutSuffix(name, withLock)
		instead := byte(noOperation)
		if locked {
			instead = lockPrefix
		}
		call(t, bytes.ReplaceAll(programs[name].code, []byte{prefix}, []byte{instead}))
		return
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	variants := []string{withLock}
	if cpu.X86.HasAMXTile {
		t.Log("this processor has tiles: only instructions with a LOCK prefix are emulated")
	} else {
		variants = append(variants, "")
	}
	for name, p := range programs {
		for _, variant := range variants {
			output, instructions, err := Run(path, []string{"-test.run=^TestRun$"}, append(os.Environ(), program+"="+name+variant))
			switch {
			case errors.Is(err, ErrUnavailable):
				t.Skip(err)
			case p.failure == "" && (err != nil || !strings.Contains(string(output), "PASS")):
				t.Errorf("%s%s: %v\n%s", name, variant, err, output)
			case p.failure != "" && (err == nil || !strings.Contains(err.Error(), p.failure)):
				t.Errorf("%s%s: %v, want a failure with %q", name, variant, err, p.failure)
			case name == "in order" && instructions != 3:
				t.Errorf("%s%s: %d instructions", name, variant, instructions)
			}
		}
	}
}

const withLock = " with LOCK"

// call runs code.
func call(t *testing.T, code []byte) {
	memory, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE|syscall.PROT_EXEC, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	const configurationAt = 1024
	copy(memory[configurationAt:], configuration(16, 64))
	at := uintptr(unsafe.Pointer(&memory[configurationAt]))
	begin := []byte{0x48, 0xb8} // mov rax, at
	for i := range 8 {
		begin = append(begin, byte(at>>(8*i)))
	}
	begin = append(begin, 0xb9, 64, 0, 0, 0) // mov ecx, 64
	copy(memory, join(begin, code, []byte{0xc3}))
	entry := &memory[0]
	function := &entry // a Go function is the address of where the address of its code is
	(*(*func())(unsafe.Pointer(&function)))()
}
