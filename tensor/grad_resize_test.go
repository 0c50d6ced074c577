package tensor_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	. "github.com/bestiary-ml/bestiary/tensor"
)

// TestResizeBilinear compares with values of torch.nn.functional.interpolate for a row of four pixels.
func TestResizeBilinear(t *testing.T) {
	d := gradcheck.Device(t)
	row := d.From([]float32{1, 3, 4, 8}, 1, 1, 4, 1)
	for _, want := range [][]float64{{1, 1.5, 2.5, 3.25, 3.75, 5, 7, 8}, {2, 6}, {4. / 3, 3.5, 22. / 3}} {
		got := gradcheck.Exact(row.ResizeBilinear(1, len(want)))
		for i := range want {
			if diff := got[i] - want[i]; diff > 1e-6 || diff < -1e-6 {
				t.Errorf("to %d pixels: %v, want %v", len(want), got, want)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) int { return rapid.IntRange(1, 5).Draw(t, name) }
		x := gradcheck.Normal(d, gradcheck.Rand(t), draw("N"), draw("H"), draw("W"), draw("C"))
		height, width := draw("height"), draw("width")
		gradcheck.Check(t, func() *Tensor { return x.ResizeBilinear(height, width) }, x)
	})
	gradcheck.Panics(t, func() { row.ResizeBilinear(0, 1) })
}
