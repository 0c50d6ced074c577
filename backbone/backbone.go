// Package backbone has networks that were trained to name the classes of ImageNet (Russakovsky et al., 2015). Their features serve
// other tasks: judging pictures, a perceptual loss, detection.
//
// Each family of networks is a file, and an entry of the table of architectures. Parameters have the names of the PyTorch code that
// published the weights, so that its files load:
//
//	b, err := backbone.Open("efficientnet-lite0-57934424.pth", d)
//	features := b.Features(x) // of pictures [N, S, S, 3], at strides 4, 8, 16 and 32
//
// Batch normalization of networks with published weights always uses its running statistics, in training too. Networks of [NewRandom]
// are trained from nothing: with the statistics of batches.
package backbone

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Backbone is a network of one of the architectures of [Names].
type Backbone struct {
	of           *architecture
	net          network
	depth        *stochasticDepth
	norms        []*nn.BatchNorm
	random       bool           // its weights were drawn, so training uses the statistics of batches
	scale, shift *tensor.Tensor // [3] pictures in [−1, 1] to what the network was trained on
}

// network is what a family of networks computes.
type network interface {
	// features returns the outputs of the four stages for normalized pictures [N, S, S, 3].
	features(x *tensor.Tensor) []*tensor.Tensor
	// pooled returns the average over positions [N, F], for the last of the features.
	pooled(deepest *tensor.Tensor) *tensor.Tensor
	// logits returns those of the classes of ImageNet [N, 1000], for pooled features.
	logits(pooled *tensor.Tensor) *tensor.Tensor
	// visit calls f for the parameters of the parts up to the last one.
	visit(path string, last part, f func(nn.Param))
}

// part is a part of a network. Those from 1 to 4 are the stages; the first one includes the stem.
type part int

const (
	stages     part = 4 // all four
	head       part = 5 // of the pooled features
	classifier part = 6 // of the logits
)

// classes is the number of classes of ImageNet.
const classes = 1000

// New builds a network with weights of 0, to be loaded, under one of the names of [Names] or another one that [Canonical] knows. The
// error is a [*fault.FieldError], or a [*fault.OutOfMemory] of the device.
func New(d *tensor.Device, name string) (b *Backbone, err error) {
	defer fault.Catch(&err)
	if err := require.Device(d); err != nil {
		return nil, err
	}
	a, err := find(name)
	if err != nil {
		return nil, err
	}
	scale, shift := a.normalization.of()
	b = &Backbone{of: a, depth: &stochasticDepth{}, scale: d.From(scale, 3).Keep(), shift: d.From(shift, 3).Keep()}
	b.net = a.build(builder{d, b.depth, &b.norms})
	return b, nil
}

// NewRandom builds a network with initial weights for training from nothing, under one of the names of [Names]. Weights of
// convolutions are drawn from N(0, 2/fan), where fan is the number of outputs times the size of the kernel (He et al., 2015), as in
// torchvision. Linear layers have PyTorch's default, U(−1/√in, 1/√in). In training, batch normalization uses the statistics of the
// batch: see [Backbone.SetTraining]. The errors are those of [New].
func NewRandom(d *tensor.Device, name string, g *tensor.Generator) (b *Backbone, err error) {
	defer fault.Catch(&err)
	if g == nil {
		return nil, fault.Field("Generator", g, "must not be nil")
	}
	if b, err = New(d, name); err != nil {
		return nil, err
	}
	b.random = true
	b.Visit("", func(p nn.Param) { draw(p, g) })
	return b, nil
}

// draw sets a parameter of an untrained network. Biases are 0, and batch normalization changes nothing, as they were made.
func draw(p nn.Param, g *tensor.Generator) {
	d, shape := p.Tensor.Device(), p.Tensor.Shape()
	step := d.Scratch()
	defer step.End()
	switch len(shape) {
	case 4: // [KH, KW, in/groups, out]
		fan := shape[0] * shape[1] * shape[3]
		p.Tensor.Set(g.Normal(d, shape...).Scale(math.Sqrt(2 / float64(fan))).Values())
	case 2: // [in, out]
		bound := 1 / math.Sqrt(float64(shape[0]))
		p.Tensor.Set(g.Uniform(d, shape...).Scale(2 * bound).AddScalar(-bound).Values())
	}
}

// Name is the name of the architecture: "efficientnet-lite0".
func (b *Backbone) Name() string { return b.of.name }

// Title is the name that papers use: "EfficientNet-Lite0".
func (b *Backbone) Title() string { return b.of.title }

// Widths are the numbers of channels of the features, a number for each stage.
func (b *Backbone) Widths() []int { return slices.Clone(b.of.widths) }

// Strides are the numbers of pixels of the picture from one position of the features to the next, a number for each stage: 4, 8, 16
// and 32, or 2, 4, 8 and 16 of VGG.
func (b *Backbone) Strides() []int { return slices.Clone(b.of.strides) }

// Features returns the outputs of four stages [N, S/s, S/s, width] at the strides s of [Backbone.Strides], for pictures [N, S, S, 3]
// with values in [−1, 1]. S is best a multiple of 32; otherwise sides are rounded up.
func (b *Backbone) Features(x *tensor.Tensor) []*tensor.Tensor {
	return b.net.features(x.Mul(b.scale).Add(b.shift))
}

// Neutral is the colour, with values in [−1, 1], that is 0 for the network: the mean of the pictures it was trained on.
func (b *Backbone) Neutral() (colour [3]float32) {
	scale, shift := b.of.normalization.of()
	for i := range colour {
		colour[i] = -shift[i] / scale[i]
	}
	return colour
}

// perceptualSide is the side to which Activations enlarges smaller pictures. The features of smaller ones are few and coarse.
const perceptualSide = 128

// Activations returns the features of pictures [N, S, S, 3] with values in [−1, 1] for a perceptual loss: see
// [Backbone.Features]. Smaller pictures are enlarged to 128×128 pixels first.
func (b *Backbone) Activations(x *tensor.Tensor) []*tensor.Tensor {
	if x.Dim(1) < perceptualSide {
		x = x.ResizeBilinear(perceptualSide, perceptualSide)
	}
	return b.Features(x)
}

// Pooled returns the features before the classes [N, F], averages over positions, for pictures as in [Backbone.Features].
func (b *Backbone) Pooled(x *tensor.Tensor) *tensor.Tensor {
	all := b.Features(x)
	return b.net.pooled(all[len(all)-1])
}

// Logits returns the logits of the classes of ImageNet [N, 1000] for pooled features [N, F].
func (b *Backbone) Logits(pooled *tensor.Tensor) *tensor.Tensor { return b.net.logits(pooled) }

// Freeze makes the parameters constant, which makes the network faster: batch normalization becomes part of the convolutions.
func (b *Backbone) Freeze() { nn.Freeze(b) }

// FreezeStages makes the parameters constant that compute the first n of the features, n from 0 to 4. Their batch normalization uses
// its running statistics from then on. It can't be undone, and weights can't be loaded into them afterwards. The error for another n
// is a [*fault.FieldError].
func (b *Backbone) FreezeStages(n int) error {
	if n < 0 || n > len(b.of.widths) {
		return fault.Field("FrozenStages", n, "must be from 0 to %d", len(b.of.widths))
	}
	if n > 0 {
		b.net.visit("", part(n), func(p nn.Param) { p.Tensor.Freeze() })
	}
	return nil
}

// Visit implements nn.Module, with the names of the published files.
func (b *Backbone) Visit(path string, f func(nn.Param)) { b.net.visit(path, classifier, f) }

// VisitFeatures is Visit without the parameters of [Backbone.Logits].
func (b *Backbone) VisitFeatures(path string, f func(nn.Param)) { b.net.visit(path, head, f) }

// VisitStages is Visit for the parameters of [Backbone.Features] only, which are all that detectors need.
func (b *Backbone) VisitStages(path string, f func(nn.Param)) { b.net.visit(path, stages, f) }

// VisitFirstStages is Visit for the parameters that compute the first n of the features, n from 0 to 4.
func (b *Backbone) VisitFirstStages(path string, n int, f func(nn.Param)) {
	if n > 0 {
		b.net.visit(path, part(min(n, len(b.of.widths))), f)
	}
}

// SetTraining implements nn.Module. Training makes batch normalization of networks of [NewRandom] use the statistics of the batch,
// except in stages that are frozen; it is in evaluation mode otherwise. [Backbone.SetStochasticDepth] works in training only.
func (b *Backbone) SetTraining(on bool) {
	b.depth.training = on
	for _, norm := range b.norms {
		norm.SetTraining(on && b.random)
	}
}

// String implements fmt.Stringer.
func (b *Backbone) String() string {
	return fmt.Sprintf("%s: pictures [N, S, S, 3] → features [N, %d]\n", b.of.title, b.of.features) + nn.Summary(b)
}

// PooledFeatures returns the number F of the pooled features of an architecture. The error for another name is a
// [*fault.FieldError].
func PooledFeatures(name string) (int, error) {
	a, err := find(name)
	if err != nil {
		return 0, err
	}
	return a.features, nil
}

// WidthsOf returns the numbers of channels of the features of an architecture, as [Backbone.Widths] does. The error for another name is a
// [*fault.FieldError].
func WidthsOf(name string) ([]int, error) {
	a, err := find(name)
	if err != nil {
		return nil, err
	}
	return slices.Clone(a.widths), nil
}

// TitleOf returns the name that papers use for an architecture; for another name, the name itself.
func TitleOf(name string) string {
	if a, err := find(name); err == nil {
		return a.title
	}
	return name
}

// Names returns the names of the architectures.
func Names() []string {
	var names []string
	for _, a := range architectures {
		names = append(names, a.name)
	}
	return names
}

func find(name string) (*architecture, error) {
	for i := range architectures {
		if architectures[i].name == Canonical(name) {
			return &architectures[i], nil
		}
	}
	return nil, fault.Field("Backbone", name, "must be %s", strings.Join(Names(), ", "))
}
