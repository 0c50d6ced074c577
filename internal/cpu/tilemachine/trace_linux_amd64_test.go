package tilemachine

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

const program = "BESTIARY_TEST_TILE_PROGRAM"

// programs are machine code; rax holds the address of a configuration, and rcx is 64.
var programs = map[string]struct {
	code    []byte
	failure string // "" succeeds
}{
	"nothing":     {[]byte{}, ""},
	"in order":    {join(loadConfiguration, zeroTile, releaseTiles), ""},
	"no tiles":    {zeroTile, "#UD"},
	"left behind": {loadConfiguration, "with its tiles configured"},
	"twice":       {join(loadConfiguration, loadConfiguration), "TILERELEASE was forgotten"},
	"far away":    {join(loadConfiguration, []byte{0x31, 0xc0}, []byte{0xc4, 0xe2, 0x7b, 0x4b, 0x04, 0x08}), "#PF"}, // xor eax, eax; TILELOADD (rax,rcx)
	"unknown":     {[]byte{0x0f, 0x0b}, "status"},                                                                   // UD2
}

var loadConfiguration, zeroTile, releaseTiles = []byte{0xc4, 0xe2, 0x78, 0x49, 0x00}, []byte{0xc4, 0xe2, 0x7b, 0x49, 0xc0},
	[]byte{0xc4, 0xe2, 0x78, 0x49, 0xc0}

func join(parts ...[]byte) (all []byte) {
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// TestRun traces processes that run the programs.
func TestRun(t *testing.T) {
	if name := os.Getenv(program); name != "" {
		call(t, programs[name].code)
		return
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range programs {
		output, instructions, err := Run(path, []string{"-test.run=^TestRun$"}, append(os.Environ(), program+"="+name))
		switch {
		case errors.Is(err, ErrUnavailable):
			t.Skip(err)
		case p.failure == "" && (err != nil || !strings.Contains(string(output), "PASS")):
			t.Errorf("%s: %v\n%s", name, err, output)
		case p.failure != "" && (err == nil || !strings.Contains(err.Error(), p.failure)):
			t.Errorf("%s: %v, want a failure with %q", name, err, p.failure)
		case name == "in order" && instructions != 3:
			t.Errorf("%s: %d instructions", name, instructions)
		}
	}
}

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
