package train

import "math"

// Schedule returns the factor of the learning rate at a step, counted from 1:
//
//	rate := train.Warmup(100, train.Cosine(steps-100, 0))
//	adam.Step(1e-3*rate(step), 1)
//
// Schedules are pure functions. [Plateau] depends on the held-out loss.
type Schedule func(step int) float64

// Constant is 1 throughout.
func Constant() Schedule { return func(int) float64 { return 1 } }

// Cosine falls from 1 along half a cosine and reaches final after total steps (SGDR, Loshchilov & Hutter, 2017).
func Cosine(total int, final float64) Schedule {
	return func(step int) float64 {
		done := min(1, float64(step-1)/float64(max(total, 1)))
		return final + (1-final)*(1+math.Cos(math.Pi*done))/2
	}
}

// Exponential starts at 1 and is multiplied by factor after each interval of every steps.
func Exponential(factor float64, every int) Schedule {
	return func(step int) float64 { return math.Pow(factor, float64((step-1)/max(every, 1))) }
}

// Steps is multiplied by factor after each milestone, a number of steps: PyTorch's MultiStepLR.
func Steps(factor float64, milestones ...int) Schedule {
	return func(step int) float64 {
		scale := 1.
		for _, m := range milestones {
			if step > m {
				scale *= factor
			}
		}
		return scale
	}
}

// Piecewise is values[i] up to and including step boundaries[i], and the last value after the last boundary: there is one value
// more than boundaries, which rise. It is Keras' PiecewiseConstantDecay.
func Piecewise(boundaries []int, values []float64) Schedule {
	return func(step int) float64 {
		i := 0
		for i < len(boundaries) && i+1 < len(values) && step > boundaries[i] {
			i++
		}
		return values[i]
	}
}

// Warmup rises linearly over the first steps, 1/steps, 2/steps … 1, times next(1). It then follows next from its start.
func Warmup(steps int, next Schedule) Schedule {
	return func(step int) float64 {
		if step <= steps {
			return float64(step) / float64(steps) * next(1)
		}
		return next(step - steps)
	}
}

// Plateau multiplies the learning rate by Factor whenever the held-out loss has not fallen for Patience evaluations in
// a row.
type Plateau struct {
	Factor   float64 `json:"-"`
	Patience int     `json:"-"`
	Scale    float64 `json:"scale"` // current factor of the learning rate; 1 at the start
	Best     Best    `json:"best"`
}

// Update records the held-out loss of an evaluation and lowers Scale if it is time to.
func (p *Plateau) Update(loss float64, step int) {
	p.Best.Update(loss, step)
	if p.Best.Since >= p.Patience {
		p.Scale *= p.Factor
		p.Best.Since = 0
	}
}

// Best is the lowest held-out loss so far. The zero value has none.
type Best struct {
	Loss  float64 `json:"loss"`
	Step  int     `json:"step"`  // 0: none yet
	Since int     `json:"since"` // evaluations since then
}

// Update records the loss of an evaluation and reports whether it is the lowest so far. NaN never is.
func (b *Best) Update(loss float64, step int) bool {
	if math.IsNaN(loss) || math.IsInf(loss, 0) || b.Step != 0 && loss >= b.Loss {
		b.Since++
		return false
	}
	*b = Best{Loss: loss, Step: step}
	return true
}
