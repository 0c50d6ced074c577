//go:build linux

package main

import (
	"fmt"
	"strings"

	"github.com/ebitengine/purego"
)

// compiler is an opened NVRTC library.
type compiler struct {
	version string

	createProgram  func(program *uintptr, source, name string, headers int32, texts, names *byte) int32
	destroyProgram func(program *uintptr) int32
	compileProgram func(program uintptr, count int32, options **byte) int32
	logSize        func(program uintptr, size *uintptr) int32
	log            func(program uintptr, text *byte) int32
	ptxSize        func(program uintptr, size *uintptr) int32
	text           func(program uintptr, text *byte) int32
	errorString    func(code int32) string
}

func openCompiler(path string) (*compiler, error) {
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("can't open the NVRTC library (%w); name it with -nvrtc", err)
	}
	c := &compiler{}
	var version func(major, minor *int32) int32
	for name, f := range map[string]any{
		"nvrtcVersion": &version, "nvrtcGetErrorString": &c.errorString,
		"nvrtcCreateProgram": &c.createProgram, "nvrtcDestroyProgram": &c.destroyProgram, "nvrtcCompileProgram": &c.compileProgram,
		"nvrtcGetProgramLogSize": &c.logSize, "nvrtcGetProgramLog": &c.log, "nvrtcGetPTXSize": &c.ptxSize, "nvrtcGetPTX": &c.text,
	} {
		purego.RegisterLibFunc(f, library, name)
	}
	var major, minor int32
	if code := version(&major, &minor); code != 0 {
		return nil, c.failed("nvrtcVersion", code)
	}
	c.version = fmt.Sprintf("NVRTC %d.%d", major, minor)
	return c, nil
}

func (c *compiler) failed(call string, code int32) error {
	return fmt.Errorf("%s: %s", call, c.errorString(code))
}

// translate returns the PTX of a CUDA C source.
func (c *compiler) translate(name, source string, options ...string) (string, error) {
	var program uintptr
	if code := c.createProgram(&program, source, name, 0, nil, nil); code != 0 {
		return "", c.failed("nvrtcCreateProgram", code)
	}
	defer c.destroyProgram(&program)
	pointers := make([]*byte, len(options))
	for i, option := range options {
		pointers[i] = &append([]byte(option), 0)[0]
	}
	compiled := c.compileProgram(program, int32(len(options)), &pointers[0])
	log, err := c.read(program, "nvrtcGetProgramLog", c.logSize, c.log)
	if err != nil {
		return "", err
	}
	if compiled != 0 {
		return "", fmt.Errorf("%s\n%w", log, c.failed(name, compiled))
	}
	if log != "" {
		fmt.Println(log)
	}
	return c.read(program, "nvrtcGetPTX", c.ptxSize, c.text)
}

// read returns a text that NVRTC provides through two functions, one for its size and one for its content.
func (c *compiler) read(program uintptr, call string, size func(uintptr, *uintptr) int32, get func(uintptr, *byte) int32) (string, error) {
	var n uintptr
	if code := size(program, &n); code != 0 {
		return "", c.failed(call+"Size", code)
	}
	text := make([]byte, max(n, 1))
	if code := get(program, &text[0]); code != 0 {
		return "", c.failed(call, code)
	}
	return strings.TrimRight(string(text), "\x00"), nil
}
