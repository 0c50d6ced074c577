package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/ram"
)

// TestOutOfMemory checks that a lack of memory is reported in one sentence.
func TestOutOfMemory(t *testing.T) {
	pictures(t, 1) // keeps the cache out of the user's
	out := filepath.Join(t.TempDir(), "run")
	if ram.Look().Memory < 900<<30 {
		fails(t, 1, []string{"1000000 birds of 512×512", "out of memory", "MiB more are needed", "lower the batch size"},
			tinyDVAE("--data", "birds:1:1000000", "--out", out, "--image-size", "512")...)
	}
	limit(t, 512<<20)
	fails(t, 1, []string{"cpu/", "out of memory", "lower the batch size"},
		tinyDVAE("--data", "birds:1:20", "--out", out, "--image-size", "256", "--hidden", "256", "--steps", "1")...)
}

// limit lets the address space of the process grow by the given number of bytes until the test ends, as ulimit -v does.
func limit(t *testing.T, bytes uint64) {
	t.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseUint(strings.Fields(string(statm))[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &before); err != nil {
		t.Fatal(err)
	}
	lower := syscall.Rlimit{Cur: pages*uint64(os.Getpagesize()) + bytes, Max: before.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &lower); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_AS, &before); err != nil {
			t.Error(err)
		}
	})
}
