// Package backbone has networks that were trained to name the classes of ImageNet (Russakovsky et al., 2015). Their features serve
// other tasks: judging pictures, a perceptual loss, detection.
//
// Each family of networks is a file, and an entry of the table of architectures. Parameters have the names of the PyTorch code that
// published the weights, so that its files load:
//
//	b, err := backbone.Open("efficientnet-lite0-57934424.pth", d)
//	features := b.Features(x) // of pictures [N, S, S, 3], at strides 4, 8, 16 and 32
//
// Batch normalization always uses its running statistics, in training too.
package backbone

import (
	"fmt"
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
	scale, shift *tensor.Tensor // [3] pictures in [−1, 1] to what the network was trained on
}

// network is what a family of networks computes.
type network interface {
	// features returns the outputs of the stages at strides 4, 8, 16 and 32, for normalized pictures [N, S, S, 3].
	features(x *tensor.Tensor) []*tensor.Tensor
	// pooled returns the average over positions [N, F], for the last of the features.
	pooled(deepest *tensor.Tensor) *tensor.Tensor
	// logits returns those of the classes of ImageNet [N, 1000], for pooled features.
	logits(pooled *tensor.Tensor) *tensor.Tensor
	// visit calls f for the parameters; those of the logits are left out unless classes is set.
	visit(path string, classes bool, f func(nn.Param))
}

// New builds a network with weights of 0, to be loaded, under one of the names of [Names]. The error is a [*fault.FieldError], or a
// [*fault.OutOfMemory] of the device.
func New(d *tensor.Device, name string) (b *Backbone, err error) {
	defer fault.Catch(&err)
	if err := require.Device(d); err != nil {
		return nil, err
	}
	a, err := find(name)
	if err != nil {
		return nil, err
	}
	depth := &stochasticDepth{}
	scale, shift := a.normalization.of()
	return &Backbone{of: a, net: a.build(builder{d, depth}), depth: depth, scale: d.From(scale, 3).Keep(), shift: d.From(shift, 3).Keep()}, nil
}

// Name is the name of the architecture: "efficientnet-lite0".
func (b *Backbone) Name() string { return b.of.name }

// Title is the name that papers use: "EfficientNet-Lite0".
func (b *Backbone) Title() string { return b.of.title }

// Widths are the numbers of channels of the features at strides 4, 8, 16 and 32.
func (b *Backbone) Widths() []int { return b.of.widths }

// Features returns the outputs of four stages [N, S/s, S/s, width] at strides s of 4, 8, 16 and 32, for pictures [N, S, S, 3] with
// values in [−1, 1]. S is best a multiple of 32; otherwise sides are rounded up.
func (b *Backbone) Features(x *tensor.Tensor) []*tensor.Tensor {
	return b.net.features(x.Mul(b.scale).Add(b.shift))
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

// Visit implements nn.Module, with the names of the published files.
func (b *Backbone) Visit(path string, f func(nn.Param)) { b.net.visit(path, true, f) }

// VisitFeatures is Visit without the parameters of [Backbone.Logits].
func (b *Backbone) VisitFeatures(path string, f func(nn.Param)) { b.net.visit(path, false, f) }

// SetTraining implements nn.Module. Batch normalization is always in evaluation mode; training has an effect on
// [Backbone.SetStochasticDepth] only.
func (b *Backbone) SetTraining(on bool) { b.depth.training = on }

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
		if architectures[i].name == name {
			return &architectures[i], nil
		}
	}
	return nil, fault.Field("Backbone", name, "must be %s", strings.Join(Names(), ", "))
}
