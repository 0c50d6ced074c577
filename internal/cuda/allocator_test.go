//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

func TestMemoryIsReused(t *testing.T) {
	d := another(t, emulator.Functions(), true)
	a := d.Alloc(1000)
	at := a.Addr
	d.Free(a)
	d.Free(a) // harmless
	if b := d.Alloc(1010); b.Addr != at {
		t.Error("a freed block isn't reused")
	} else if c := d.Alloc(1010); c.Addr == b.Addr {
		t.Error("a block is allocated twice")
	}
}

// TestMemoryIsCollected drops buffers without freeing them, as tensors outside of steps are.
func TestMemoryIsCollected(t *testing.T) {
	d := another(t, emulator.Functions(), true)
	part := d.Alloc(1<<20).Slice(5, 10) // keeps the whole
	blocks := map[uint64]bool{}
	for range 8 {
		blocks[d.Alloc(2<<20).Addr] = true
	}
	held := d.memory.held
	idle := func() int {
		d.memory.Lock()
		defer d.memory.Unlock()
		return len(d.memory.idle[8<<20])
	}
	for range 100 { // the last value may still be on a stack, and cleanups run concurrently
		if idle() >= len(blocks)-1 {
			break
		}
		collect()
	}
	for range len(blocks) - 1 {
		d.Alloc(2 << 20)
	}
	if d.memory.held > held {
		t.Errorf("%d bytes are held, %d before", d.memory.held, held)
	}
	if got := d.Alloc(1 << 20); got.Addr+20 == part.Addr {
		t.Error("a block is reused that a slice refers to")
	}
	runtime.KeepAlive(part)
}

func TestPeakBytes(t *testing.T) {
	d := another(t, emulator.Functions(), true)
	const mib = 1 << 20
	a, b := d.Alloc(mib), d.Alloc(2*mib) // of 4 bytes each
	d.Free(a)
	c := d.Alloc(mib) // what a was
	if got := d.PeakBytes(); got != 12*mib {
		t.Errorf("a peak of %d bytes, want 12 MiB", got)
	}
	d.Free(b)
	if d.ResetPeak(); d.PeakBytes() != 4*mib {
		t.Errorf("a peak of %d bytes from now on, want the 4 MiB that are in use", d.PeakBytes())
	}
	d.Free(d.Alloc(100))
	if got := d.PeakBytes(); got != 4*mib+512 {
		t.Errorf("a peak of %d bytes, want one block more", got)
	}
	d.Free(c)
	d.trim()
	if got := d.PeakBytes(); got != 4*mib+512 {
		t.Errorf("a peak of %d bytes after all blocks were freed", got)
	}
}

// fill allocates buffers of n numbers until memory is exhausted.
func fill(t *testing.T, d *Device, n int) (taken []kernel.Buffer, lack *fault.OutOfMemory) {
	t.Helper()
	defer func() {
		switch failure := recover().(type) {
		case *fault.OutOfMemory:
			lack = failure
		case nil:
			t.Fatalf("%d buffers of %d numbers fit", len(taken), n)
		default:
			panic(failure)
		}
	}()
	for range 1 << 12 {
		taken = append(taken, d.Alloc(n))
	}
	return taken, nil
}

func TestOutOfMemory(t *testing.T) {
	d := deviceToTest(t)
	keep, err := fill(t, d, 64<<20)
	if !strings.Contains(err.Error(), "256 MiB more are needed") || !strings.Contains(err.Error(), "lower the batch size") {
		t.Fatalf("after %d blocks: %v", len(keep), err)
	}
	for _, b := range keep {
		d.Free(b)
	}
	d.Alloc(100 << 20) // reuses freed memory
	d.Close()
	if d.memory.free != 0 {
		t.Errorf("%d bytes are idle after Close", d.memory.free)
	}
}

// TestUploads has uploads that are larger than the pinned memory.
func TestUploads(t *testing.T) {
	d := deviceToTest(t)
	const n = 3*slotBytes/4 + 5
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(i % 1001)
	}
	b := d.Alloc(n)
	d.Upload(b, values)
	got := make([]float32, n)
	d.Download(got, b)
	for i, v := range got {
		if v != values[i] {
			t.Fatalf("element %d is %g, want %g", i, v, values[i])
		}
	}
}

// TestWithoutReuse checks that tests notice reads beyond the end of a buffer, and reads of data of an earlier buffer.
func TestWithoutReuse(t *testing.T) {
	d := another(t, emulator.Functions(), false)
	d.withoutReuse()
	y := d.Alloc(4)
	for want, x := range map[string]func() uint64{
		"not allocated": func() uint64 { x := d.Alloc(3); d.Fill(x, 1); return x.Addr },
		"never written": func() uint64 { x := d.Alloc(4); d.Fill(x, 1); d.Free(x); return d.Alloc(4).Addr },
	} {
		func() {
			defer func() {
				if err := recover(); !strings.Contains(fmt.Sprint(err), want) {
					t.Errorf("%v, want %q", err, want)
				}
			}()
			d.copy(y.Addr, x(), 4)
			d.Synchronize()
		}()
	}
}
