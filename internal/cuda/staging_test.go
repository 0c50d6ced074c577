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
	for _, n := range []int{3, len(words{}), len(words{}) + 1, 5000, slotBytes/4 + 9} {
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
