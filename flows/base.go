package flows

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Base is the distribution of a flow's latent rows z [N, D], given a condition [N, C], which most of them ignore.
type Base interface {
	// Columns is the number D of columns.
	Columns() int
	// LogProb returns the log-density of each row in nats, [N].
	LogProb(z, cond *tensor.Tensor) *tensor.Tensor
	// Sample draws rows [rows, D]. A temperature other than 1 multiplies the deviations from the centre.
	Sample(d *tensor.Device, rows int, cond *tensor.Tensor, temperature float64, g *tensor.Generator) *tensor.Tensor
	nn.Module
	fmt.Stringer
}

// Normal is the standard normal distribution of rows of Dim numbers.
type Normal struct {
	nn.Stateless
	Dim int
}

// Columns implements [Base].
func (n Normal) Columns() int { return n.Dim }

// LogProb implements [Base]: −½‖z‖² − ½·Dim·log 2π.
func (n Normal) LogProb(z, _ *tensor.Tensor) *tensor.Tensor {
	return z.Square().Sum(1).Scale(-0.5).AddScalar(-0.5 * float64(n.Dim) * math.Log(2*math.Pi))
}

// Sample implements [Base]: rows from N(0, temperature²·I).
func (n Normal) Sample(d *tensor.Device, rows int, _ *tensor.Tensor, temperature float64, g *tensor.Generator) *tensor.Tensor {
	z := g.Normal(d, rows, n.Dim)
	if temperature == 1 {
		return z
	}
	return z.Scale(temperature)
}

// String implements [fmt.Stringer].
func (n Normal) String() string { return fmt.Sprintf("Normal(%d columns)", n.Dim) }

// Diagonal is a normal distribution with a learned mean and standard deviation in each column. With a condition, both depend
// on it linearly; for one-hot classes that is a normal distribution for each class.
type Diagonal struct {
	Mean, LogStd        *tensor.Tensor // [D]
	MeanGiven, StdGiven *tensor.Tensor // [C, D], what the condition adds to Mean and LogStd; nil without a condition
}

// NewDiagonal returns the standard normal distribution, to be trained.
func NewDiagonal(d *tensor.Device, dim, condition int) *Diagonal {
	b := &Diagonal{Mean: nn.Constant(d, 0, dim), LogStd: nn.Constant(d, 0, dim)}
	if condition > 0 {
		b.MeanGiven, b.StdGiven = nn.Constant(d, 0, condition, dim), nn.Constant(d, 0, condition, dim)
	}
	return b
}

// Columns implements [Base].
func (b *Diagonal) Columns() int { return b.Mean.Len() }

// moments returns mean and log-deviation of each row, [1, D] or [N, D].
func (b *Diagonal) moments(cond *tensor.Tensor) (mean, logStd *tensor.Tensor) {
	mean, logStd = b.Mean.Reshape(1, -1), b.LogStd.Reshape(1, -1)
	if b.MeanGiven != nil {
		mean, logStd = cond.MatMul(b.MeanGiven).Add(mean), cond.MatMul(b.StdGiven).Add(logStd)
	}
	return mean, logStd
}

// LogProb implements [Base].
func (b *Diagonal) LogProb(z, cond *tensor.Tensor) *tensor.Tensor {
	mean, logStd := b.moments(cond)
	standard := z.Sub(mean).Mul(logStd.Neg().Exp())
	return standard.Square().Scale(-0.5).Sub(logStd).Sum(1).AddScalar(-0.5 * float64(b.Columns()) * math.Log(2*math.Pi))
}

// Sample implements [Base].
func (b *Diagonal) Sample(d *tensor.Device, rows int, cond *tensor.Tensor, temperature float64, g *tensor.Generator) *tensor.Tensor {
	mean, logStd := b.moments(cond)
	return g.Normal(d, rows, b.Columns()).Scale(temperature).Mul(logStd.Exp()).Add(mean)
}

// Visit implements [nn.Module].
func (b *Diagonal) Visit(path string, f func(nn.Param)) {
	trainable(f, b, path, "mean", b.Mean)
	trainable(f, b, path, "log_std", b.LogStd)
	if b.MeanGiven != nil {
		trainable(f, b, path, "mean_given", b.MeanGiven)
		trainable(f, b, path, "std_given", b.StdGiven)
	}
}

// SetTraining implements [nn.Module].
func (b *Diagonal) SetTraining(bool) {}

// String implements [fmt.Stringer].
func (b *Diagonal) String() string { return fmt.Sprintf("Diagonal(%d columns)", b.Columns()) }

// Mixture is a mixture of K normal distributions with learned weights, means and standard deviations.
type Mixture struct {
	Logits       *tensor.Tensor // of the weights [K]
	Mean, LogStd *tensor.Tensor // [K, D]
}

// NewMixture returns a mixture of k equal parts, with means drawn from g.
func NewMixture(d *tensor.Device, dim, k int, g *tensor.Generator) *Mixture {
	return &Mixture{Logits: nn.Constant(d, 0, k), Mean: nn.Normal(d, g, 0, 1, k, dim), LogStd: nn.Constant(d, 0, k, dim)}
}

// Columns implements [Base].
func (m *Mixture) Columns() int { return m.Mean.Dim(1) }

// LogProb implements [Base]: log Σ wₖ·N(z; μₖ, σₖ²), with the largest term taken out of the sum.
func (m *Mixture) LogProb(z, _ *tensor.Tensor) *tensor.Tensor {
	n, k, dim := z.Dim(0), m.Mean.Dim(0), m.Columns()
	standard := z.Reshape(n, 1, dim).Sub(m.Mean.Reshape(1, k, dim)).Mul(m.LogStd.Neg().Exp().Reshape(1, k, dim))
	parts := standard.Square().Scale(-0.5).Sub(m.LogStd.Reshape(1, k, dim)).Sum(2).Add(m.Logits.LogSoftmax(0)) // [N, K]
	largest := parts.Detach().MaxOver(1)                                                                       // [N]
	sum := parts.Sub(largest.Reshape(n, 1)).Exp().Sum(1).Log()
	return sum.Add(largest).AddScalar(-0.5 * float64(dim) * math.Log(2*math.Pi))
}

// Sample implements [Base].
func (m *Mixture) Sample(d *tensor.Device, rows int, _ *tensor.Tensor, temperature float64, g *tensor.Generator) *tensor.Tensor {
	weights, chosen := m.Logits.Softmax(0).Values(), make([]int32, rows)
	for i, u := range g.Uniform(d, rows).Values() {
		k := 0
		for ; k < len(weights)-1 && u >= weights[k]; k++ {
			u -= weights[k]
		}
		chosen[i] = int32(k)
	}
	part := d.Ints(chosen)
	return g.Normal(d, rows, m.Columns()).Scale(temperature).Mul(m.LogStd.Gather(0, part).Exp()).Add(m.Mean.Gather(0, part))
}

// Visit implements [nn.Module].
func (m *Mixture) Visit(path string, f func(nn.Param)) {
	trainable(f, m, path, "logits", m.Logits)
	trainable(f, m, path, "mean", m.Mean)
	trainable(f, m, path, "log_std", m.LogStd)
}

// SetTraining implements [nn.Module].
func (m *Mixture) SetTraining(bool) {}

// String implements [fmt.Stringer].
func (m *Mixture) String() string {
	return fmt.Sprintf("Mixture(%d columns, %d parts)", m.Columns(), m.Mean.Dim(0))
}

// Box is the uniform distribution on [Low, High]^Dim, for flows of angles and other bounded rows.
type Box struct {
	nn.Stateless
	Dim       int
	Low, High float64
}

// Columns implements [Base].
func (b Box) Columns() int { return b.Dim }

// LogProb implements [Base]. Rows outside of the box have the log-density −∞.
func (b Box) LogProb(z, _ *tensor.Tensor) *tensor.Tensor {
	centre, half := (b.Low+b.High)/2, (b.High-b.Low)/2
	beyond := z.AddScalar(-centre).Abs().AddScalar(-half * (1 + 1e-6)).ReLU().Sum(1) // 0 inside
	return beyond.Scale(-math.MaxFloat32).AddScalar(-float64(b.Dim) * math.Log(b.High-b.Low))
}

// Sample implements [Base]. The temperature shrinks the box towards its centre; above 1 it has no effect.
func (b Box) Sample(d *tensor.Device, rows int, _ *tensor.Tensor, temperature float64, g *tensor.Generator) *tensor.Tensor {
	width := (b.High - b.Low) * min(temperature, 1)
	return g.Uniform(d, rows, b.Dim).AddScalar(-0.5).Scale(width).AddScalar((b.Low + b.High) / 2)
}

// String implements [fmt.Stringer].
func (b Box) String() string {
	return fmt.Sprintf("Box(%d columns, %.4g to %.4g)", b.Dim, b.Low, b.High)
}
