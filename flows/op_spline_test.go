package flows

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestSplineOp checks gradients, and that the two directions are inverses with opposite logarithms of their slopes.
func TestSplineOp(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		s := kernel.Spline{
			Bins: rapid.IntRange(1, 5).Draw(t, "bins"), Bound: 2, MinSize: 1e-3, MinSlope: 1e-3,
			Circular: rapid.Bool().Draw(t, "circular"),
		}
		if rapid.Bool().Draw(t, "clipped") {
			s.SoftClip = 6.9
		}
		r, n := gradcheck.Rand(t), rapid.IntRange(1, 6).Draw(t, "n")
		x, params := gradcheck.Normal(d, r, n), gradcheck.Normal(d, r, n, s.Params())
		y, logSlope := spline(s, x, params)
		back := s
		back.Inverse = true
		again, opposite := spline(back, y, params)
		gradcheck.Values(t, again, x.Shape(), gradcheck.Exact(x))
		gradcheck.Values(t, opposite, x.Shape(), gradcheck.Exact(logSlope.Neg()))
		s.Inverse = rapid.Bool().Draw(t, "inverse")
		gradcheck.Check(t, func() *tensor.Tensor {
			y, logSlope := spline(s, x, params)
			return tensor.Concat(0, y, logSlope)
		}, x, params)
	})
}

// TestSplineTails checks that the identity lies outside of the domain, and that its ends are fixed points.
func TestSplineTails(t *testing.T) {
	d := gradcheck.Device(t)
	s := kernel.Spline{Bins: 4, Bound: 3, MinSize: 1e-3, MinSlope: 1e-3}
	x := []float32{-1e4, -3, 3, 1e4, float32(math.Inf(1))}
	g := tensor.NewGenerator(1)
	for _, inverse := range []bool{false, true} {
		s.Inverse = inverse
		y, _ := spline(s, d.From(x, len(x)), g.Normal(d, len(x), s.Params()))
		for i, v := range y.Values() {
			if math.Abs(float64(v-x[i])) > 1e-6 {
				t.Errorf("inverse %v: %v becomes %v", inverse, x[i], v)
			}
		}
	}
}
