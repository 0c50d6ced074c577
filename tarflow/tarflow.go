package tarflow

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Flow is a distribution of latent maps [N, h, w, c], given classes.
//
// A condition [N, Classes] has the weights of the classes in each row, which sum to 1: a one-hot row is a class, equal
// weights are no class in particular (see [Flow.Unconditional]), and others are mixtures, for interpolation. It is nil for
// a flow without classes.
type Flow struct {
	config    Config
	device    *tensor.Device
	blocks    []*block       // in the direction of sampling
	mean, std *tensor.Tensor // [c] of the channels
	logStd    *tensor.Tensor // [T, D] of the base distribution, or nil
}

// New builds a flow on a device, initialised as a standardization alone. g draws the weights and is kept for dropout. The
// error is a [*fault.FieldError], or a [*fault.OutOfMemory] of the device.
func New(d *tensor.Device, c Config, g *tensor.Generator) (f *Flow, err error) {
	defer fault.Catch(&err)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	f = &Flow{config: c, device: d, mean: d.Zeros(c.Channels).Keep(), std: d.Full(1, c.Channels).Keep()}
	for i, layers := range c.Blocks {
		b, err := newBlock(d, c, layers, i%2 == 1, g)
		if err != nil {
			return nil, err
		}
		f.blocks = append(f.blocks, b)
	}
	if c.Variance {
		f.logStd = nn.Constant(d, 0, c.Tokens(), c.TokenDim())
	}
	return f, nil
}

// Config returns the configuration that f was built with.
func (f *Flow) Config() Config { return f.config }

// Fit computes mean and standard deviation of each channel over latent maps, values [N, h, w, c], in float64. Constant
// channels are only centred. It returns an error, and changes nothing, for values that are not finite or no whole maps.
func (f *Flow) Fit(values []float32) error {
	c := f.config.Channels
	if len(values) == 0 || len(values)%f.config.Numbers() != 0 {
		return fault.Field("Values", len(values), "must be one or more latent maps of %d numbers", f.config.Numbers())
	}
	mean, squares := make([]float64, c), make([]float64, c) // Welford's method (1962)
	for i, x := range values {
		v, channel := float64(x), i%c
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fault.Field("Values", v, "must be finite; value %d of map %d is not", i%f.config.Numbers(), i/f.config.Numbers())
		}
		delta := v - mean[channel]
		mean[channel] += delta / float64(i/c+1)
		squares[channel] += delta * (v - mean[channel])
	}
	means, stds := make([]float32, c), make([]float32, c)
	for i := range c {
		means[i], stds[i] = float32(mean[i]), float32(math.Sqrt(squares[i]/float64(len(values)/c)))
		if float64(stds[i]) < constant*max(1, math.Abs(mean[i])) {
			stds[i] = 1
		}
	}
	f.mean.Set(means)
	f.std.Set(stds)
	return nil
}

// NoiseDeviations returns the standard deviations [c] of the noise that training adds to the channels of latent maps. They
// are equal: Config.Noise times the root mean square of the channels' standard deviations. So a channel that matters little
// for the pictures, and has a small variance, is mostly noise, and the flow spends little on it.
func (f *Flow) NoiseDeviations() []float32 {
	step := f.device.Scratch()
	defer step.End()
	return f.std.Mul(f.noise()).Values()
}

// noise returns the standard deviations [c] of the noise of standardized channels.
func (f *Flow) noise() *tensor.Tensor {
	return f.std.Square().Mean().Sqrt().Scale(f.config.Noise).Div(f.std)
}

// tokenNoise returns the standard deviations [D] of the noise of a standardized token, whose cells have the same channels.
func (f *Flow) tokenNoise() *tensor.Tensor {
	return tensor.Concat(0, slices.Repeat([]*tensor.Tensor{f.noise()}, f.config.Patch*f.config.Patch)...)
}

// constant is the relative standard deviation below which a channel counts as constant: rounding makes as much.
const constant = 1e-6

// Unconditional returns the condition [n, Classes] that names no class: the mean of all. It is nil without classes.
func (f *Flow) Unconditional(n int) *tensor.Tensor {
	if f.config.Classes == 0 {
		return nil
	}
	return f.device.Full(1/float64(f.config.Classes), n, f.config.Classes)
}

// Forward maps latent maps x [N, h, w, c] to noise z [N, T, D], and returns with it log|det ∂z/∂x| [N]. It panics on other
// shapes.
func (f *Flow) Forward(x, cond *tensor.Tensor) (z, logDet *tensor.Tensor) {
	f.check(x, cond)
	return f.forward(f.tokens(x), cond)
}

// LogProb returns the log-density [N] in nats of latent maps x [N, h, w, c] given cond [N, Classes]. It panics on other
// shapes.
func (f *Flow) LogProb(x, cond *tensor.Tensor) *tensor.Tensor {
	z, logDet := f.Forward(x, cond)
	return standardNormal(z).Add(logDet)
}

// forward maps standardized tokens to noise. The log-determinant includes that of the standardization.
func (f *Flow) forward(x, cond *tensor.Tensor) (z, logDet *tensor.Tensor) {
	logDet = f.std.Log().Sum().Scale(-float64(f.config.Height * f.config.Width)) // one number
	z = x
	for i := len(f.blocks) - 1; i >= 0; i-- {
		var l *tensor.Tensor
		z, l = f.blocks[i].forward(z, cond) // [N, T, D], [N]
		logDet = l.Add(logDet)
	}
	if f.logStd != nil {
		logStd := f.config.bound(f.logStd) // [T, D]
		z = z.Mul(logStd.Neg().Exp())
		logDet = logDet.Sub(logStd.Sum())
	}
	return z, logDet
}

// tokens standardizes latent maps [N, h, w, c] and cuts them into tokens [N, T, D].
func (f *Flow) tokens(x *tensor.Tensor) *tensor.Tensor {
	c, n, p := f.config, x.Dim(0), f.config.Patch
	x = x.Sub(f.mean).Div(f.std)
	if p > 1 {
		x = x.Reshape(n, c.Height/p, p, c.Width/p, p*c.Channels).Permute(0, 1, 3, 2, 4)
	}
	return x.Reshape(n, c.Tokens(), c.TokenDim())
}

// latents is the inverse of tokens.
func (f *Flow) latents(x *tensor.Tensor) *tensor.Tensor {
	c, n, p := f.config, x.Dim(0), f.config.Patch
	if p > 1 {
		x = x.Reshape(n, c.Height/p, c.Width/p, p, p*c.Channels).Permute(0, 1, 3, 2, 4)
	}
	return x.Reshape(n, c.Height, c.Width, c.Channels).Mul(f.std).Add(f.mean)
}

// check panics unless x is [N, h, w, c] and cond [N, Classes].
func (f *Flow) check(x, cond *tensor.Tensor) {
	c := f.config
	if x.Rank() != 4 || x.Dim(1) != c.Height || x.Dim(2) != c.Width || x.Dim(3) != c.Channels {
		panic(fmt.Sprintf("tarflow: latent maps %v in a flow of %d×%d×%d", x, c.Height, c.Width, c.Channels))
	}
	f.checkCondition(x.Dim(0), cond)
}

func (f *Flow) checkCondition(n int, cond *tensor.Tensor) {
	classes := f.config.Classes
	if (classes == 0) != (cond == nil) || cond != nil && (cond.Rank() != 2 || cond.Dim(0) != n || cond.Dim(1) != classes) {
		panic(fmt.Sprintf("tarflow: %d rows with the condition %v in a flow of %d classes", n, cond, classes))
	}
}

// Visit implements [nn.Module].
func (f *Flow) Visit(path string, visit func(nn.Param)) {
	visit(nn.Param{Path: nn.Join(path, "mean"), Tensor: f.mean})
	visit(nn.Param{Path: nn.Join(path, "std"), Tensor: f.std})
	for i, b := range f.blocks {
		b.Visit(nn.Join(path, "blocks."+strconv.Itoa(i)), visit)
	}
	if f.logStd != nil {
		visit(nn.Param{Path: nn.Join(path, "log_std"), Tensor: f.logStd, Trainable: true})
	}
}

// SetTraining implements [nn.Module]: dropout acts in training only.
func (f *Flow) SetTraining(on bool) {
	for _, b := range f.blocks {
		b.SetTraining(on)
	}
}

// String implements fmt.Stringer: the sizes of f and the table of [nn.Summary].
func (f *Flow) String() string {
	c := f.config
	return fmt.Sprintf("TarFlow: latent maps [N, %d, %d, %d] ↔ noise [N, %d, %d], %d classes, blocks of %d layers\n",
		c.Height, c.Width, c.Channels, c.Tokens(), c.TokenDim(), c.Classes, c.Blocks) + nn.Summary(f)
}
