package flows

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/bestiary-ml/bestiary/internal/ode"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Continuous moves rows along a velocity field v(x, t; c) that a network computes, from the latent rows at t = 0 to the data at
// t = 1 (Chen et al., 2018, "Neural Ordinary Differential Equations"):
//
//	dx/dt = v(x, t; c)    log|det| = −∫ div v dt, for the direction from data to latent rows
//
// It is trained by [Continuous.Matching], not by maximum likelihood, and its directions don't record gradients: they are solved
// with error control (Dormand & Prince, 1980). In up to ExactDivergence columns the divergence is exact; beyond, it is
// Hutchinson's estimate (Grathwohl et al., 2019, "FFJORD"), with directions of ±1 that depend on Seed and the row's place in its
// batch.
type Continuous struct {
	directions
	Layers    []*nn.Linear // from [N, features of t + C + D] to [N, D], with SiLU between them
	Tolerance float64      // of a step's error, relative to 1 + |x|; 10⁻⁶
	Seed      uint64       // of the estimated divergence

	dim, condition int
}

// ExactDivergence is the largest number of columns whose divergence is computed exactly.
const ExactDivergence = 16

// Limits and sizes of continuous flows.
const (
	timeFeatures   = 8     // t, and sines and cosines
	maxEvaluations = 10000 // of the network, for a row
)

// NewContinuous returns a velocity field of dim columns with a network of these hidden layers, drawn from g; its last layer starts
// at 0, so that the flow starts as the identity.
func NewContinuous(d *tensor.Device, dim, condition int, hidden []int, g *tensor.Generator) *Continuous {
	c := &Continuous{Tolerance: 1e-6, dim: dim, condition: condition}
	in := timeFeatures + condition + dim
	for _, size := range hidden {
		c.Layers = append(c.Layers, nn.NewLinear(d, in, size, true, g))
		in = size
	}
	last := nn.NewLinear(d, in, dim, true, g)
	last.Weight.Set(make([]float32, in*dim))
	last.Bias.Set(make([]float32, dim))
	c.Layers = append(c.Layers, last)
	c.directions = directions{c}
	return c
}

// features returns the features [N, 8] of times [N]: t, sin and cos of πt, 2πt, 4πt, and 1.
func features(d *tensor.Device, t []float64) *tensor.Tensor {
	values := make([]float32, 0, timeFeatures*len(t))
	for _, t := range t {
		values = append(values, float32(t))
		for _, rate := range []float64{1, 2, 4} {
			sin, cos := math.Sincos(rate * math.Pi * t)
			values = append(values, float32(sin), float32(cos))
		}
		values = append(values, 1)
	}
	return d.From(values, len(t), timeFeatures)
}

// Velocity returns v [N, D] at rows x [N, D] and times t [N], given a condition [N, C] or nil.
func (c *Continuous) Velocity(x *tensor.Tensor, t []float64, cond *tensor.Tensor) *tensor.Tensor {
	h := c.input(x, t, cond)
	for i, l := range c.Layers {
		if h = l.Forward(h); i < len(c.Layers)-1 {
			h = h.SiLU()
		}
	}
	return h
}

func (c *Continuous) input(x *tensor.Tensor, t []float64, cond *tensor.Tensor) *tensor.Tensor {
	parts := []*tensor.Tensor{features(x.Device(), t)}
	if cond != nil {
		parts = append(parts, cond)
	}
	return tensor.Concat(1, append(parts, x)...) // [N, 8 + C + D]
}

// divergence returns v [N, D] and its divergence [N]: Σ over directions [K, D] of dᵀ·(∂v/∂x)·d. The unit vectors give it exactly.
// The directions travel through the network beside the row (forward-mode differentiation).
func (c *Continuous) divergence(x *tensor.Tensor, t []float64, cond, along *tensor.Tensor) (v, div *tensor.Tensor) {
	n, k := x.Dim(0), along.Dim(0)
	h := c.input(x, t, cond)
	var moved *tensor.Tensor // [N, K, units], how the units move along the directions
	for i, l := range c.Layers {
		h = l.Forward(h) // [N, units]
		out := h.Dim(1)
		if i == 0 { // only the rows of x of the weights count
			weight := l.Weight.Slice(0, timeFeatures+c.condition, l.Weight.Dim(0))
			moved = along.MatMul(weight).Reshape(1, k, out).Expand(n, k, out)
		} else {
			moved = moved.Reshape(n*k, -1).MatMul(l.Weight).Reshape(n, k, out)
		}
		if i == len(c.Layers)-1 {
			break
		}
		gate := h.Sigmoid()
		slope := gate.Mul(h.Mul(gate.Neg().AddScalar(1)).AddScalar(1)) // SiLU′ = σ·(1 + h·(1−σ))
		moved = moved.Mul(slope.Reshape(n, 1, out))
		h = h.Mul(gate)
	}
	return h, moved.Mul(along.Reshape(1, k, c.dim)).Sum(2).Sum(1)
}

// accumulate implements accumulator.
func (c *Continuous) accumulate(x, cond *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	d, n, width := x.Device(), x.Dim(0), c.dim+1
	along := c.along(d)
	conditions := []float32(nil)
	if cond != nil {
		conditions = cond.Values()
	}
	system := ode.System{N: width, Velocity: func(rows []int, state []float32, t []float64) ([]float32, error) {
		return c.flow(d, rows, state, t, conditions, along), nil
	}}
	state := make([]float32, n*width) // a row of x, then its log-determinant
	for i, v := range x.Values() {
		state[i/c.dim*width+i%c.dim] = v
	}
	from, to := 1.0, 0.0
	if inverse {
		from, to = 0, 1
	}
	if _, err := system.Adaptive(context.Background(), state, from, to, ode.DormandPrince, c.Tolerance, maxEvaluations); err != nil {
		panic(fmt.Errorf("flows: %w; lower the learning rate of the training", err))
	}
	y, logDet := make([]float32, 0, n*c.dim), make([]float32, 0, n)
	for i := range n {
		y = append(y, state[i*width:(i+1)*width-1]...)
		logDet = append(logDet, state[(i+1)*width-1])
	}
	l.rows = plus(l.rows, d.From(logDet, n))
	return d.From(y, n, c.dim), l
}

// flow returns the velocities of states: v, and the divergence, which is the rate of the log-determinant of the map from where
// a row comes from to where it is.
func (c *Continuous) flow(d *tensor.Device, rows []int, state []float32, t []float64, conditions []float32, along *tensor.Tensor) []float32 {
	step := d.Scratch()
	defer step.End()
	n, width := len(rows), c.dim+1
	x, given := make([]float32, 0, n*c.dim), make([]float32, 0, n*c.condition)
	for p, i := range rows {
		x = append(x, state[p*width:(p+1)*width-1]...)
		given = append(given, conditions[min(i*c.condition, len(conditions)):min((i+1)*c.condition, len(conditions))]...)
	}
	var cond *tensor.Tensor
	if c.condition > 0 {
		cond = d.From(given, n, c.condition)
	}
	v, div := c.divergence(d.From(x, n, c.dim), t, cond, along)
	velocity, rate := v.Values(), div.Values()
	out := make([]float32, 0, n*width)
	for p := range n {
		out = append(append(out, velocity[p*c.dim:(p+1)*c.dim]...), rate[p])
	}
	return out
}

// along returns the directions of the divergence, [K, D].
func (c *Continuous) along(d *tensor.Device) *tensor.Tensor {
	if c.dim <= ExactDivergence {
		unit := make([]float32, c.dim*c.dim)
		for i := range c.dim {
			unit[i*c.dim+i] = 1
		}
		return d.From(unit, c.dim, c.dim)
	}
	const probes = 4
	signs := tensor.NewGenerator(c.Seed).Uniform(d, probes, c.dim).Values()
	for i, u := range signs {
		signs[i] = float32(math.Copysign(1/math.Sqrt(probes), float64(u)-0.5))
	}
	return d.From(signs, probes, c.dim)
}

// Visit implements [nn.Module].
func (c *Continuous) Visit(path string, f func(nn.Param)) {
	for i, l := range c.Layers {
		l.Visit(nn.Join(path, strconv.Itoa(2*i)), f)
	}
}

// SetTraining implements [nn.Module].
func (c *Continuous) SetTraining(bool) {}

// String implements [fmt.Stringer].
func (c *Continuous) String() string {
	var hidden []int
	for _, l := range c.Layers[:len(c.Layers)-1] {
		hidden = append(hidden, l.Weight.Dim(1))
	}
	return fmt.Sprintf("Continuous(%d columns, hidden %v)", c.dim, hidden)
}
