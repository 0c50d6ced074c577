package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/nlpodyssey/spago/ag"
	"github.com/nlpodyssey/spago/mat"
	"github.com/nlpodyssey/spago/nn"
	"github.com/nlpodyssey/spago/optimizers"
	"github.com/nlpodyssey/spago/optimizers/adam"
)

const (
	dim, classes, hidden, layers = 256, 2, 256, 12
	epsilon                      = 1e-5
)

// spaGO's layers take vectors, one sample each. Here a batch is a matrix with a column per sample, so that layers are
// matrix products. spaGO does not broadcast, so biases are products with a row of ones.

// flow holds the parameters, and the constants of a batch.
type flow struct {
	parameters []*nn.Param
	couplings  []coupling
	x, y       mat.Tensor // data [dim, N], one-hot classes [classes, N]
	kept, rest mat.Tensor // masks of the passive and the active columns of a coupling: [dim, N]
	ones       mat.Tensor // [1, N]
	features   mat.Tensor // [1, dim], all ones
	mean       mat.Tensor // [N, 1]: a matrix times it is the mean of each row
	spread     mat.Tensor // [N, 1]: squares times it are the unbiased variance of each row
	batch      int
}

// coupling is an affine coupling, with the permutation and the batch normalisation after it.
type coupling struct {
	ofClass        mat.Tensor // weight
	hidden         [3]linear
	scale, shift   linear
	order          mat.Tensor
	logGamma, beta mat.Tensor
}

type linear struct{ weight, bias mat.Tensor }

func (f *flow) parameter(value mat.Matrix) mat.Tensor {
	p := nn.NewParam(value)
	f.parameters = append(f.parameters, p)
	return p
}

func (f *flow) weight(out, in int) mat.Tensor {
	return f.parameter(scaled(1/math.Sqrt(3*float64(in)), out, in))
}

func (f *flow) column(height int) mat.Tensor {
	return f.parameter(matrix(make([]float32, height), height, 1))
}

func (f *flow) linear(in, out int) linear { return linear{f.weight(out, in), f.column(out)} }

func newFlow(batch int) *flow {
	f := &flow{
		x: normal(dim, batch), batch: batch,
		ones: filled(1, 1, batch), features: filled(1, 1, dim), mean: filled(1/float32(batch), batch, 1), spread: filled(1/float32(batch-1), batch, 1),
	}
	ofClass, kept, rest := make([]float32, classes*batch), make([]float32, dim*batch), make([]float32, dim*batch)
	for i := range batch {
		ofClass[i%classes*batch+i] = 1
		for feature := range dim {
			kept[feature*batch+i], rest[feature*batch+i] = float32(feature%2), float32(1-feature%2)
		}
	}
	f.y, f.kept, f.rest = matrix(ofClass, classes, batch), matrix(kept, dim, batch), matrix(rest, dim, batch)
	for range layers {
		c := coupling{ofClass: f.weight(hidden, classes), logGamma: f.column(dim), beta: f.column(dim)}
		for i, in := range []int{dim, hidden, hidden} {
			c.hidden[i] = f.linear(in, hidden)
		}
		c.scale, c.shift = f.linear(hidden, dim), f.linear(hidden, dim)
		order := make([]float32, dim*dim)
		for to, from := range rand.Perm(dim) {
			order[to*dim+from] = 1
		}
		c.order = matrix(order, dim, dim)
		f.couplings = append(f.couplings, c)
	}
	return f
}

func filled(value float32, rows, columns int) mat.Matrix {
	values := make([]float32, rows*columns)
	for i := range values {
		values[i] = value
	}
	return matrix(values, rows, columns)
}

func (f *flow) apply(l linear, x mat.Tensor) mat.Tensor {
	return ag.Add(ag.Mul(l.weight, x), f.broadcast(l.bias))
}

func (f *flow) broadcast(column mat.Tensor) mat.Tensor { return ag.Mul(column, f.ones) }

// sum adds all elements of a matrix [dim, N]. The gradient of spaGO's ReduceSum has the wrong shape.
func (f *flow) sum(x mat.Tensor) mat.Tensor {
	return ag.ProdScalar(ag.Mul(ag.Mul(f.features, x), f.mean), scalar(float64(f.batch)))
}

func scalar(x float64) mat.Tensor { return mat.Scalar(float32(x)) }

// loss is the negative log-likelihood without its constant term.
func (f *flow) loss() mat.Tensor {
	x := f.x
	var ofCouplings, ofNorms []mat.Tensor
	for _, c := range f.couplings {
		h := ag.ReLU(ag.Add(f.apply(c.hidden[0], ag.Prod(x, f.kept)), ag.Mul(c.ofClass, f.y)))
		for _, l := range c.hidden[1:] {
			h = ag.ReLU(f.apply(l, h))
		}
		s := ag.Prod(ag.Tanh(f.apply(c.scale, h)), f.rest)
		t := ag.Prod(f.apply(c.shift, h), f.rest)
		ofCouplings = append(ofCouplings, f.sum(s))
		x = ag.Mul(c.order, ag.Add(ag.Prod(x, ag.Exp(s)), t)) // this product skips zeros

		centred := ag.Sub(x, f.broadcast(ag.Mul(x, f.mean)))
		variance := ag.Mul(ag.Square(centred), f.spread)
		logScale := ag.Sub(c.logGamma, ag.ProdScalar(ag.Log(ag.AddScalar(variance, scalar(epsilon))), scalar(0.5)))
		ofNorms = append(ofNorms, ag.Mul(f.features, logScale))
		x = ag.Add(ag.Prod(centred, f.broadcast(ag.Exp(logScale))), f.broadcast(c.beta))
	}
	ofRows := ag.Sub(ag.ProdScalar(f.sum(ag.Square(x)), scalar(0.5)), ag.Sum(ofCouplings...))
	return ag.Sub(ag.ProdScalar(ofRows, scalar(1/float64(f.batch))), ag.Sum(ofNorms...))
}

// trainFlow is a training step of the flow on a batch of noise.
func trainFlow(batch int) (func() error, error) {
	f := newFlow(batch)
	strategy := adam.New(adam.NewAdamWConfig(1e-3, 0.9, 0.999, 1e-8, 1e-5))
	optimizer := optimizers.New(nn.StreamParams(f.parameters), strategy)
	return func() error {
		loss := f.loss()
		if v := loss.Value().Item().F64(); math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("the loss is %v", v)
		}
		if err := ag.Backward(loss); err != nil {
			return err
		}
		strategy.IncExample()
		return optimizer.Optimize()
	}, nil
}
