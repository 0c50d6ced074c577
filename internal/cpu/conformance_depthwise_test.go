package cpu

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// drawDepthwise draws a depth-wise convolution, of which some outputs may see nothing of the picture.
func drawDepthwise(t *rapid.T) kernel.Depthwise {
	draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
	c := kernel.Depthwise{
		N: draw("pictures", 0, 3), H: draw("rows", 1, 9), W: draw("columns", 1, 9), C: draw("channels", 1, 70),
		KH: draw("kernel rows", 1, 5), KW: draw("kernel columns", 1, 5), StrideH: draw("stride down", 1, 3), StrideW: draw("stride", 1, 3),
		DilationH: draw("dilation down", 1, 3), DilationW: draw("dilation", 1, 3), Top: draw("top", 0, 4), Left: draw("left", 0, 4),
	}
	outputs := func(size, before, kernel, dilation, stride int, after string) int {
		return max(1, (size+before+draw(after, 0, 4)-dilation*(kernel-1)-1)/stride+1)
	}
	c.OH, c.OW = outputs(c.H, c.Top, c.KH, c.DilationH, c.StrideH, "bottom"), outputs(c.W, c.Left, c.KW, c.DilationW, c.StrideW, "right")
	return c
}

func TestConformanceDepthwise(t *testing.T) {
	check(t, func(t *rapid.T) {
		c, s := drawDepthwise(t), newSource(t)
		x, w, gy, bias := s.floats(c.Input()).floats, s.floats(c.Weights()).floats, s.floats(c.Output()).floats, s.floats(c.C).floats
		conform(t, "Depthwise", 1e-5, float64(10*c.KH*c.KW), func(m *memory) {
			m.Depthwise(c, m.in(x), m.in(w), m.in(bias), m.out(c.Output()))
			m.Depthwise(c, m.in(x), m.in(w), kernel.Buffer{}, m.out(c.Output()))
		})
		conform(t, "DepthwiseGradInput", 1e-5, float64(10*c.KH*c.KW), func(m *memory) {
			m.DepthwiseGradInput(c, m.in(gy), m.in(w), m.out(c.Input()))
		})
		conform(t, "DepthwiseGradWeight", 1e-5, float64(10*(c.N*c.OH*c.OW+1)), func(m *memory) {
			m.DepthwiseGradWeight(c, m.in(x), m.in(gy), m.out(c.Weights()))
		})
	})
}
