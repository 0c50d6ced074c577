//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestUploadsInOrder uploads to the same buffer again and again, reads it by kernels, and changes the source at once. The emulated
// GPU runs the kernels as late as possible.
func TestUploadsInOrder(t *testing.T) {
	for _, n := range []int{3, len(words{}.values), len(words{}.values) + 1, 5000, slotBytes/4 + 9} {
		d := another(t, emulator.Functions(), true)
		x, sums := d.Alloc(n), d.Alloc(len(d.staging.slots)*2+3)
		values := make([]float32, n)
		for i := range sums.Len {
			for j := range values {
				values[j] = float32(i)
			}
			d.Upload(x, values)
			d.Copy(kernel.Strided{Rank: 1, Shape: kernel.Dims{1}, StrideDst: kernel.Dims{1}, StrideSrc: kernel.Dims{1}}, sums.Slice(i, 1), x.Slice(n-1, 1))
			if n > slotBytes/4 && i == 3 {
				sums.Len = 4 // more would be slow
				break
			}
		}
		got := make([]float32, sums.Len)
		d.Download(got, sums)
		for i, v := range got {
			if v != float32(i) {
				t.Errorf("%d numbers: upload %d was %g when it was read", n, i, v)
			}
		}
	}
}

// TestStagingWaitsForKernels frees memory that a queued kernel will write to, so that it becomes a slot. The first copy must not
// run before that kernel.
func TestStagingWaitsForKernels(t *testing.T) {
	d := another(t, emulator.Functions(), true)
	n := len(words{}.values) + 1
	x, ys := d.Alloc(slotBytes/4), make([]kernel.Buffer, len(d.staging.slots)+1)
	d.Fill(x.Slice(0, n), 7)
	d.Free(x)
	for i := range ys { // the last upload waits for the copy of the first
		ys[i] = d.Alloc(n)
		d.Upload(ys[i], make([]float32, n))
	}
	got := make([]float32, n)
	d.Download(got, ys[0])
	if got[0] != 0 || d.staging.slots[0].device.Addr != x.Addr {
		t.Errorf("an uploaded 0 is %g; the slot has memory at %#x, the freed memory is at %#x", got[0], d.staging.slots[0].device.Addr, x.Addr)
	}
}

// TestStagingIsFreed checks that Close frees all memory, and that uploads work afterwards.
func TestStagingIsFreed(t *testing.T) {
	d := another(t, emulator.Functions(), true)
	for range 2 {
		x := d.Alloc(1000)
		d.Upload(x, make([]float32, 1000))
		d.Free(x)
		d.Close()
		if d.memory.held != 0 {
			t.Errorf("%d bytes are held after Close", d.memory.held)
		}
	}
}
