package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

type fillJob struct {
	fill  func(value float32, y []float32)
	value float32
	y     []float32
}

// Fill implements kernel.Elementwise.
func (d *Device) Fill(y kernel.Buffer, value float64) {
	out := f32(y)
	run(d, len(out), grain, &d.jobs.fill, fillJob{d.simd.Fill, float32(value), out})
}

func (j *fillJob) chunk(lo, hi int) { j.fill(j.value, j.y[lo:hi]) }

type unaryJob struct {
	function  func(parameter float32, x, y []float32)
	parameter float32
	x, y      []float32
}

// Unary implements kernel.Elementwise.
func (d *Device) Unary(op kernel.Unary, a float64, x, y kernel.Buffer) {
	out := f32(y)
	run(d, len(out), grain, &d.jobs.unary, unaryJob{d.simd.Unary[op], float32(a), f32(x), out})
}

func (j *unaryJob) chunk(lo, hi int) { j.function(j.parameter, j.x[lo:hi], j.y[lo:hi]) }

type unaryGradJob struct {
	function     func(parameter float32, x, y, gy, gx []float32)
	parameter    float32
	x, y, gy, gx []float32 // x or y may be nil
}

// UnaryGrad implements kernel.Elementwise.
func (d *Device) UnaryGrad(op kernel.Unary, a float64, x, y, gy, gx kernel.Buffer) {
	d.unaryGrad(op, float32(a), f32(x), f32(y), f32(gy), f32(gx))
}

func (d *Device) unaryGrad(op kernel.Unary, a float32, x, y, gy, gx []float32) {
	run(d, len(gx), grain, &d.jobs.unaryGrad, unaryGradJob{d.simd.UnaryGrad[op], a, x, y, gy, gx})
}

func (j *unaryGradJob) chunk(lo, hi int) {
	j.function(j.parameter, part(j.x, lo, hi), part(j.y, lo, hi), j.gy[lo:hi], j.gx[lo:hi])
}

// part is v[lo:hi], or nil if v is nil.
func part(v []float32, lo, hi int) []float32 {
	if v == nil {
		return nil
	}
	return v[lo:hi]
}

// ActivationGrad implements kernel.Elementwise.
func (d *Device) ActivationGrad(act kernel.Activation, slope float64, y, gy, gx kernel.Buffer) {
	d.activationGrad(act, slope, f32(y), f32(gy), f32(gx))
}

func (d *Device) activationGrad(act kernel.Activation, slope float64, y, gy, gx []float32) {
	if op, a, ok := activationOf(act, slope); ok {
		d.unaryGrad(op, a, nil, y, gy, gx)
		return
	}
	copy(gx, gy)
}

// activationOf returns an activation as a unary function with its parameter; false without an activation.
func activationOf(act kernel.Activation, slope float64) (op kernel.Unary, a float32, ok bool) {
	switch act {
	case kernel.ActReLU:
		return kernel.ReLU, 0, true
	case kernel.ActLeakyReLU:
		return kernel.LeakyReLU, float32(slope), true
	case kernel.ActTanh:
		return kernel.Tanh, 0, true
	case kernel.ActSigmoid:
		return kernel.Sigmoid, 0, true
	}
	return 0, 0, false
}

type addScaledJob struct {
	add   func(factor float32, x, y []float32)
	scale float32
	x, y  []float32
}

// AddScaled implements kernel.Elementwise.
func (d *Device) AddScaled(a float64, x, y kernel.Buffer) {
	out := f32(y)
	run(d, len(out), grain, &d.jobs.addScaled, addScaledJob{d.simd.AddScaled, float32(a), f32(x), out})
}

func (j *addScaledJob) chunk(lo, hi int) { j.add(j.scale, j.x[lo:hi], j.y[lo:hi]) }

type addProductJob struct {
	multiply, add      func(a, b, y []float32)
	rows, columns      int
	x, y, factors, out []float32
}

// AddProduct implements kernel.Elementwise.
func (d *Device) AddProduct(rows, n int, x, y, s, out kernel.Buffer) {
	run(d, rows, rowsPerTask(n), &d.jobs.addProduct, addProductJob{
		multiply: d.simd.Binary[kernel.Mul], add: d.simd.Binary[kernel.Add], rows: rows, columns: n,
		x: f32(x), y: f32(y), factors: f32(s), out: f32(out),
	})
}

func (j *addProductJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		out := row(j.out, r, j.columns)
		j.multiply(row(j.y, r, j.columns), portable.GroupRow(j.factors, r, j.rows, j.columns), out)
		j.add(row(j.x, r, j.columns), out, out)
	}
}
