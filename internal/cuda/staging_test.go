//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestUploadsInOrder writes to the same place again and again while kernels read it, which on the emulated GPU run at the
// last moment only, and has the numbers in the program's memory change at once.
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
				sums.Len = 4 // that is slow, and enough
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

// TestStagingWaitsForKernels has memory, which a kernel is still to write to, come back and become a slot, and then has the
// first copy happen before that kernel.
func TestStagingWaitsForKernels(t *testing.T) {
	d := another(t, emulator.Functions(), true)
	n := len(words{}.values) + 1
	x, ys := d.Alloc(slotBytes/4), make([]kernel.Buffer, len(d.staging.slots)+1)
	d.Fill(x.Slice(0, n), 7)
	d.Free(x)
	for i := range ys { // the last one waits for the first to leave the program's memory
		ys[i] = d.Alloc(n)
		d.Upload(ys[i], make([]float32, n))
	}
	got := make([]float32, n)
	d.Download(got, ys[0])
	if got[0] != 0 || d.staging.slots[0].device.Addr != x.Addr {
		t.Errorf("what was uploaded as 0 is %g; memory at %#x became a slot, not that at %#x", got[0], d.staging.slots[0].device.Addr, x.Addr)
	}
}

// TestStagingIsGivenBack checks that Close leaves no memory behind, and that uploads go on afterwards.
func TestStagingIsGivenBack(t *testing.T) {
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
