package trace

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/onnx"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Sinusoids returns the cosines of x [N] times each frequency, and then the sines: [N, 2·frequencies]. Models compute them in the
// program, not by kernels. The graph computes them in double precision, as products may be large.
func Sinusoids(x *tensor.Tensor, frequencies []float64) *tensor.Tensor {
	d, n, k := x.Device(), x.Dim(0), len(frequencies)
	t, ok := engine.Kernels(d).(*Tracer)
	if !ok || t.graph == nil {
		var values []float32
		for _, v := range x.Values() {
			row := make([]float32, 2*k)
			for i, f := range frequencies {
				s, c := math.Sincos(float64(v) * f)
				row[i], row[k+i] = float32(c), float32(s)
			}
			values = append(values, row...)
		}
		return d.From(values, n, 2*k)
	}
	shape := []int{n, k}
	angles := t.node("Mul", onnx.Double, shape, []*value{t.cast(t.shaped(engine.Data(x), n, 1), onnx.Double), t.doubles(frequencies)})
	turns := t.node("Div", onnx.Double, shape, []*value{angles, t.doubles([]float64{2 * math.Pi})})
	rest := t.node("Sub", onnx.Double, shape, []*value{turns, t.node("Floor", onnx.Double, shape, []*value{turns})})
	small := t.float("Mul", t.cast(rest, onnx.Float), scalar(2*math.Pi)) // in [0, 2π], where float is precise enough
	y := engine.Empty(d, n, 2*k)
	t.write(engine.Data(y), t.concat(1, t.float("Cos", small), t.float("Sin", small)))
	return y
}

// doubles returns a constant vector of type Double.
func (t *Tracer) doubles(values []float64) *value {
	v := &value{name: t.unique("doubles"), shape: []int{len(values)}, kind: onnx.Double}
	t.made.Initializers = append(t.made.Initializers, onnx.Doubles(v.name, v.shape, values))
	return v
}
