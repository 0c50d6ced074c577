package portable

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Unary implements kernel.Elementwise.
func (d *Device[F]) Unary(op kernel.Unary, a float64, x, y kernel.Buffer) {
	in, out := Floats[F](x), Floats[F](y)
	d.pool.For(len(out), Grain, func(lo, hi int) { unary(op, F(a), in[lo:hi], out[lo:hi]) })
}

func unary[F Float](op kernel.Unary, a F, x, y []F) {
	switch op {
	case kernel.Scale:
		for i, v := range x {
			y[i] = a * v
		}
	case kernel.AddScalar:
		for i, v := range x {
			y[i] = v + a
		}
	case kernel.Square:
		for i, v := range x {
			y[i] = v * v
		}
	case kernel.LeakyReLU:
		for i, v := range x {
			if !(v > 0) {
				v *= a
			}
			y[i] = v
		}
	default:
		f := unaryFunc(op, float64(a))
		for i, v := range x {
			y[i] = F(f(float64(v)))
		}
	}
}

// unaryFunc returns op as a function of one number; unary has a loop of its own for what needs no function call.
func unaryFunc(op kernel.Unary, a float64) func(float64) float64 {
	switch op {
	case kernel.Exp:
		return math.Exp
	case kernel.Log:
		return math.Log
	case kernel.Sqrt:
		return math.Sqrt
	case kernel.Reciprocal:
		return func(x float64) float64 { return 1 / x }
	case kernel.Abs:
		return math.Abs
	case kernel.Tanh:
		return math.Tanh
	case kernel.Sigmoid:
		return sigmoid
	case kernel.ReLU:
		return func(x float64) float64 { return max(x, 0) }
	case kernel.GELU:
		return gelu
	case kernel.SiLU:
		return func(x float64) float64 { return x * sigmoid(x) }
	case kernel.Softplus:
		return func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
	case kernel.ClampMin:
		return func(x float64) float64 { return max(x, a) }
	case kernel.ClampMax:
		return func(x float64) float64 { return min(x, a) }
	}
	panic("portable: unknown unary function")
}

// gaussian is the distribution function Φ and the density φ of the standard normal distribution.
func gaussian(x float64) (cumulative, density float64) {
	return 0.5 * math.Erfc(-x/math.Sqrt2), math.Exp(-0.5*x*x) / math.Sqrt(2*math.Pi)
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// UnaryGrad implements kernel.Elementwise.
func (d *Device[F]) UnaryGrad(op kernel.Unary, a float64, x, y, gy, gx kernel.Buffer) {
	in, out, up, down := Floats[F](x), Floats[F](y), Floats[F](gy), Floats[F](gx)
	d.pool.For(len(down), Grain, func(lo, hi int) {
		unaryGrad(op, F(a), part(in, lo, hi), part(out, lo, hi), up[lo:hi], down[lo:hi])
	})
}

// part is v[lo:hi], or nil where v is absent.
func part[F Float](v []F, lo, hi int) []F {
	if v == nil {
		return nil
	}
	return v[lo:hi]
}

func unaryGrad[F Float](op kernel.Unary, a F, x, y, gy, gx []F) {
	for i, g := range gy {
		var in, out float64
		if x != nil {
			in = float64(x[i])
		}
		if y != nil {
			out = float64(y[i])
		}
		gx[i] = g * F(derivative(op, float64(a), in, out))
	}
}

// derivative is op' at x, where y = op(x); kernel.UnaryNeeds says which of the two it reads.
func derivative(op kernel.Unary, a, x, y float64) float64 {
	switch op {
	case kernel.Scale:
		return a
	case kernel.AddScalar:
		return 1
	case kernel.Exp:
		return y
	case kernel.Log:
		return 1 / x
	case kernel.Sqrt:
		return 0.5 / y
	case kernel.Square:
		return 2 * x
	case kernel.Reciprocal:
		return -y * y
	case kernel.Abs:
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
		return 0
	case kernel.Tanh:
		return 1 - y*y
	case kernel.Sigmoid:
		return y * (1 - y)
	case kernel.ReLU:
		return step(y > 0, 0)
	case kernel.LeakyReLU:
		return step(y > 0, a)
	case kernel.GELU:
		cumulative, density := gaussian(x)
		return cumulative + x*density
	case kernel.SiLU:
		s := sigmoid(x)
		return s * (1 + x*(1-s))
	case kernel.Softplus:
		return sigmoid(x)
	case kernel.ClampMin:
		return step(x > a, 0)
	case kernel.ClampMax:
		return step(x < a, 0)
	}
	panic("portable: unknown unary function")
}

// step is 1 where on, else off.
func step(on bool, off float64) float64 {
	if on {
		return 1
	}
	return off
}

func gelu(x float64) float64 {
	cumulative, _ := gaussian(x)
	if cumulative == 0 {
		return 0 // also at −Inf, where the product would be undefined
	}
	return x * cumulative
}
