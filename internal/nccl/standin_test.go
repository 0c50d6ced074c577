//go:build linux && (amd64 || arm64) && !nocuda

package nccl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/nccl/standin"
)

// standIn is an opened stand-in for NCCL, with what controls it.
type standIn struct{ standin.Controls }

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
	if built.folder == "" {
		var err error
		if built.folder, err = os.MkdirTemp("", "nccl"); err != nil {
			t.Fatal(err)
		}
		built.paths = map[string]string{}
	}
	path, err := standin.Build(built.folder, version)
	if errors.Is(err, standin.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
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
		s.Fail("", 0)
		for _, name := range []string{"standin_die", "standin_lose"} {
			s.Set(name, -1)
		}
		s.Set("standin_block", 0)
		s.Set("standin_stick", 0)
	})
	return l, s
}

// controls returns what controls an open stand-in. Ranks meet in files in a folder.
func controls(path, folder string) (standIn, error) {
	c, err := standin.Control(path, folder)
	return standIn{c}, err
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
	g.s.Set("standin_use", g.number)
	defer g.s.Set("standin_use", -1)
	return f()
}

// stream is a stream of the stand-in.
type stream struct {
	s      standIn
	handle uintptr
}

func (s stream) Handle() uintptr     { return s.handle }
func (s stream) Idle() (bool, error) { return s.s.Call("standin_idle", s.handle)&1 == 1, nil }

func (s standIn) stream() stream { return stream{s, s.Call("standin_stream")} }

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
