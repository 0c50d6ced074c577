package cpu

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// gaussian is the distribution function Φ and the density φ of the standard normal distribution.
func gaussian(x float64) (cumulative, density float64) {
	return 0.5 * math.Erfc(-x/math.Sqrt2), math.Exp(-0.5*x*x) / math.Sqrt(2*math.Pi)
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

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
	case kernel.TanhOf:
		return math.Tanh
	case kernel.SigmoidOf:
		return sigmoid
	case kernel.ReLUOf:
		return func(x float64) float64 { return max(x, 0) }
	case kernel.GELU:
		return func(x float64) float64 {
			cumulative, _ := gaussian(x)
			if cumulative == 0 {
				return 0 // also at −Inf, where the product would be undefined
			}
			return x * cumulative
		}
	case kernel.SiLU:
		return func(x float64) float64 { return x * sigmoid(x) }
	case kernel.Softplus:
		return func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
	case kernel.ClampMin:
		return func(x float64) float64 { return max(x, a) }
	case kernel.ClampMax:
		return func(x float64) float64 { return min(x, a) }
	}
	panic("cpu: unknown unary function")
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
	case kernel.LeakyReLUOf:
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
	case kernel.TanhOf:
		return 1 - y*y
	case kernel.SigmoidOf:
		return y * (1 - y)
	case kernel.ReLUOf:
		return step(y > 0, 0)
	case kernel.LeakyReLUOf:
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
	panic("cpu: unknown unary function")
}

// step is 1 where on, else off.
func step(on bool, off float64) float64 {
	if on {
		return 1
	}
	return off
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

// binaryRow combines one row; a stride of 0 repeats the operand's first number.
func binaryRow[F Float](op kernel.Binary, a []F, strideA int, b []F, strideB int, y []F) {
	switch op {
	case kernel.Add:
		for i := range y {
			y[i] = a[i*strideA] + b[i*strideB]
		}
	case kernel.Sub:
		for i := range y {
			y[i] = a[i*strideA] - b[i*strideB]
		}
	case kernel.Mul:
		for i := range y {
			y[i] = a[i*strideA] * b[i*strideB]
		}
	case kernel.Div:
		for i := range y {
			y[i] = a[i*strideA] / b[i*strideB]
		}
	case kernel.Maximum:
		for i := range y {
			y[i] = max(a[i*strideA], b[i*strideB])
		}
	case kernel.Minimum:
		for i := range y {
			y[i] = min(a[i*strideA], b[i*strideB])
		}
	default:
		panic("cpu: unknown binary function")
	}
}

func activationGrad[F Float](act kernel.Activation, slope F, y, gy, gx []F) {
	switch act {
	case kernel.NoActivation:
		copy(gx, gy)
	case kernel.ReLU, kernel.LeakyReLU:
		if act == kernel.ReLU {
			slope = 0
		}
		for i, g := range gy {
			if !(y[i] > 0) {
				g *= slope
			}
			gx[i] = g
		}
	case kernel.Tanh:
		for i, g := range gy {
			gx[i] = g * (1 - y[i]*y[i])
		}
	case kernel.Sigmoid:
		for i, g := range gy {
			gx[i] = g * y[i] * (1 - y[i])
		}
	}
}

func pairLoss[F Float](loss kernel.PairLoss, beta float64, a, b []F) float64 {
	sum := 0.0
	for i := range a {
		d := float64(a[i] - b[i])
		if loss == kernel.SmoothL1 {
			if d = math.Abs(d); d < beta {
				sum += 0.5 * d * d / beta
			} else {
				sum += d - 0.5*beta
			}
			continue
		}
		sum += d * d
	}
	return sum
}

func pairLossGrad[F Float](loss kernel.PairLoss, beta, factor F, a, b, ga []F) {
	for i := range a {
		d := a[i] - b[i]
		if loss == kernel.SmoothL1 {
			d = max(-1, min(1, d/beta)) // NaN stays NaN
		} else {
			d *= 2
		}
		ga[i] = factor * d
	}
}
