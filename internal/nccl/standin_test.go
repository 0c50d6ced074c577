//go:build linux && (amd64 || arm64) && !nocuda

package nccl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/dynamic"
)

// standIn is an opened stand-in for NCCL, with what controls it.
type standIn struct{ handle uintptr }

// Versions that the stand-in pretends to be.
const (
	current = "23007"
	old     = "21003" // without ncclCommInitRankConfig, ncclCommFinalize and ncclGetLastError
	tooOld  = "2804"
)

var built struct {
	sync.Mutex
	folder string
	paths  map[string]string
}

// build compiles the stand-in for a version, once, and returns its path.
func build(t *testing.T, version string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if path := built.paths[version]; path != "" {
		return path
	}
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("the stand-in for NCCL needs a C compiler")
	}
	if built.folder == "" {
		if built.folder, err = os.MkdirTemp("", "nccl"); err != nil {
			t.Fatal(err)
		}
		built.paths = map[string]string{}
	}
	path := filepath.Join(built.folder, version+".so")
	// Several stand-ins are open at once. Bsymbolic makes each call its own functions.
	c := exec.Command(compiler, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared", "-pthread", "-Wl,-Bsymbolic",
		"-DNCCL_VERSION_CODE="+version, "-o", path, "testdata/standin.c")
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	built.paths[version] = path
	return path
}

// TestMain makes the test a rank if TestProcesses has started it.
func TestMain(m *testing.M) {
	if os.Getenv(asRank) != "" {
		if err := process(); err != nil {
			fmt.Println("rank failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if built.folder != "" {
		_ = os.RemoveAll(built.folder)
	}
	os.Exit(code)
}

// open opens the stand-in for a version.
func open(t *testing.T, version string) (*Library, standIn) {
	t.Helper()
	path := build(t, version)
	t.Setenv(Variable, path)
	l, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	s, err := controls(path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.fail("", 0)
		for _, name := range []string{"standin_die", "standin_lose"} {
			s.control(name, -1)
		}
		s.control("standin_block", 0)
		s.control("standin_stick", 0)
	})
	return l, s
}

// controls returns what controls an open stand-in. Ranks meet in files in a folder.
func controls(path, folder string) (standIn, error) {
	handle, err := dynamic.Open(path)
	if err != nil {
		return standIn{}, err
	}
	s := standIn{handle}
	name := append([]byte(folder), 0)
	s.call("standin_folder", uintptr(unsafe.Pointer(&name[0])))
	runtime.KeepAlive(name)
	return s, nil
}

//go:uintptrescapes
func (s standIn) call(name string, args ...uintptr) uintptr {
	f, err := dynamic.Symbol(s.handle, name)
	if err != nil {
		panic(err)
	}
	return dynamic.Call(f, args...)
}

func (s standIn) control(name string, value int) int {
	return int(int32(s.call(name, uintptr(value))))
}

// fail makes a function fail from now on.
func (s standIn) fail(function string, code int) {
	name := append([]byte(function), 0)
	s.call("standin_fail", uintptr(unsafe.Pointer(&name[0])), uintptr(code))
	runtime.KeepAlive(name)
}

// gpu is a device of the stand-in.
type gpu struct {
	s      standIn
	number int
}

// Use makes the GPU's number that of the thread.
func (g gpu) Use(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	g.s.control("standin_use", g.number)
	defer g.s.control("standin_use", -1)
	return f()
}

// stream is a stream of the stand-in.
type stream struct {
	s      standIn
	handle uintptr
}

func (s stream) Handle() uintptr     { return s.handle }
func (s stream) Idle() (bool, error) { return s.s.call("standin_idle", s.handle)&1 == 1, nil }

func (s standIn) stream() stream { return stream{s, s.call("standin_stream")} }

// ranks starts size ranks as goroutines and returns their errors.
func ranks(t *testing.T, l *Library, s standIn, size int, do func(c *Communicator) error) []error {
	t.Helper()
	id, err := l.UniqueID()
	if err != nil {
		t.Fatal(err)
	}
	failures := make([]error, size)
	var all sync.WaitGroup
	for rank := range size {
		all.Go(func() {
			c, err := l.Join(within(t, 20*time.Second), gpu{s, rank}, id, rank, size)
			if err == nil {
				err = do(c)
			}
			failures[rank] = err
		})
	}
	all.Wait()
	return failures
}

// within returns a context that ends after a time.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// fails checks that an error has some text.
func fails(t *testing.T, what string, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %v, want %q", what, err, w)
		}
	}
}

// succeed checks that no rank has failed.
func succeed(t *testing.T, failures []error) {
	t.Helper()
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
}
