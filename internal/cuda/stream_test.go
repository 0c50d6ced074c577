//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
)

// TestStream copies in a stream of its own what a kernel has written, and lets a kernel read the copy. The emulated GPU runs work
// as late as the events allow.
func TestStream(t *testing.T) {
	d := another(t, emulator.Functions(), true)
	s, err := d.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	const n = 5
	x, y := d.Alloc(n), d.Alloc(n)
	back := d.pinned(4 * n)
	d.Fill(x, 3)
	s.Follow()
	d.Fill(y, 1)
	err = d.Use(func() error {
		for _, r := range []result{
			d.driver.call(cuMemcpyDtoHAsync, uintptr(back), uintptr(x.Addr), 4*n, s.Handle()),
			d.driver.call(cuMemcpyHtoDAsync, uintptr(y.Addr), uintptr(back), 4*n, s.Handle()),
		} {
			if r != success {
				return d.driver.failure(cuMemcpyDtoHAsync, r)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if idle, err := s.Idle(); idle || err != nil {
		t.Errorf("idle with work: %v, %v", idle, err)
	}
	s.Lead()
	got := make([]float32, n)
	d.Download(got, y)
	for i, v := range got {
		if v != 3 {
			t.Errorf("element %d is %g", i, v)
		}
	}
	if idle, err := s.Idle(); !idle || err != nil {
		t.Errorf("not idle after its work: %v, %v", idle, err)
	}
	if err := d.Use(func() error { return errors.New("from within") }); err == nil || err.Error() != "from within" {
		t.Errorf("Use: %v", err)
	}
	s.Close()
	if _, err := s.Idle(); err == nil {
		t.Error("a closed stream answers")
	}
}

// TestStreamWithoutFunctions has a driver without the function that asks a stream.
func TestStreamWithoutFunctions(t *testing.T) {
	functions := maps.Clone(emulator.Functions())
	delete(functions, "cuStreamQuery")
	if _, err := another(t, functions, true).NewStream(); err == nil || !strings.Contains(err.Error(), "has no cuStreamQuery") {
		t.Errorf("%v", err)
	}
}
