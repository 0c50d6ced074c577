package backbone

import (
	"fmt"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// compound is a size of EfficientNet (Tan & Le, 2019, table 2 and section 3.3): it multiplies the widths and the depths of B0.
type compound struct {
	width, depth float64
	eps          float64 // of batch normalization, as torchvision has it
	published    string  // torchvision's file
}

// compounds are EfficientNet B0 to B7.
var compounds = []compound{
	{1.0, 1.0, 1e-5, "efficientnet_b0_rwightman-7f5810bc.pth"},
	{1.0, 1.1, 1e-5, "efficientnet_b1-c27df63c.pth"},
	{1.1, 1.2, 1e-5, "efficientnet_b2_rwightman-c35c1473.pth"},
	{1.2, 1.4, 1e-5, "efficientnet_b3_rwightman-b3899882.pth"},
	{1.4, 1.8, 1e-5, "efficientnet_b4_rwightman-23ab8bcd.pth"},
	{1.6, 2.2, 1e-3, "efficientnet_b5_lukemelas-1a07897c.pth"},
	{1.8, 2.6, 1e-3, "efficientnet_b6_lukemelas-24a108a5.pth"},
	{2.0, 3.1, 1e-3, "efficientnet_b7_lukemelas-c5b4e57e.pth"},
}

// channels scales a number of channels by the width multiplier and rounds it to a multiple of 8, but not down by more than 10 %.
func (c compound) channels(n int) int {
	wide := float64(n) * c.width
	rounded := max(8, int(wide+4)/8*8)
	if float64(rounded) < 0.9*wide {
		rounded += 8
	}
	return rounded
}

// stages returns the stages of B0, wider and deeper.
func (c compound) stages() []mobileStage {
	all := slices.Clone(liteStages)
	for i := range all {
		all[i].out = c.channels(all[i].out)
		all[i].repeats = int(math.Ceil(float64(all[i].repeats) * c.depth))
	}
	return all
}

// head is the number of pooled features.
func (c compound) head() int { return 4 * c.channels(320) }

// efficientNets are the architectures B0 to B7, with the weights and names of torchvision.
func efficientNets() (all []architecture) {
	for i, c := range compounds {
		s := c.stages()
		all = append(all, architecture{
			name: fmt.Sprintf("efficientnet_b%d", i), title: fmt.Sprintf("EfficientNet-B%d", i),
			widths: []int{s[1].out, s[2].out, s[4].out, s[6].out}, strides: quarters, features: c.head(), normalization: imageNet,
			published: c.published + " of torchvision",
			is:        c.is, stages: c.areStages, build: c.build,
		})
	}
	return all
}

// is reports whether a file holds this size. All sizes have the same names; they differ in the head's width or in the depth of the
// stages. The convolution of the head also tells them from EfficientNetV2.
func (c compound) is(f *safetensors.File) bool {
	s := c.stages()
	return c.areStages(f) && shaped(f, "features.8.0.weight", c.head(), s[6].out, 1, 1)
}

// areStages is is for the stages alone. The last convolution of the last one tells the widths.
func (c compound) areStages(f *safetensors.File) bool {
	s := c.stages()
	last := compoundBlock(6, s[6].repeats-1) + ".3.0.weight"
	if t, err := f.Tensor(last); err != nil || len(t.Shape) != 4 || t.Shape[0] != s[6].out {
		return false
	}
	return f.Has(compoundBlock(1, s[1].repeats-1)+".0.0.weight") && !f.Has(compoundBlock(1, s[1].repeats)+".0.0.weight")
}

// compoundBlock is the path of a block of a stage, both counted from 0.
func compoundBlock(stage, i int) string { return fmt.Sprintf("features.%d.%d.block", stage+1, i) }

func (c compound) build(b builder) network {
	stem, stages := c.channels(32), c.stages()
	m := &mobile{stem: b.conv(3, stem, 3, 2, silu).centred().eps(c.eps).inSequence("features.0")} // [N, S/2, S/2, stem]
	b.depth.supported = true
	blocks := 0
	for _, s := range stages {
		blocks += s.repeats
	}
	out := m.stack(stem, stages, func(at, i, in, stride int, s mobileStage) *mobileBlock {
		block := &mobileBlock{
			path: compoundBlock(at, i), skip: in == s.out && stride == 1,
			depth: b.depth, placement: float64(len(m.blocks)) / float64(blocks),
		}
		wide, next := in*s.expand, 0
		place := func() string { next++; return fmt.Sprint(next - 1) } // of a layer in the block
		if s.expand > 1 {
			expand := b.conv(in, wide, 1, 1, silu).eps(c.eps).inSequence(place())
			block.expand = &expand
		}
		block.each = b.depthwise(wide, s.kernel, stride, silu).centred().eps(c.eps).inSequence(place())
		block.squeeze = b.excitation(place(), wide, max(1, in/4), silu)
		block.project = b.conv(wide, s.out, 1, 1, linear).eps(c.eps).inSequence(place())
		return block
	})
	head := b.conv(out, c.head(), 1, 1, silu).eps(c.eps).inSequence("features.8") // [N, S/32, S/32, head]
	m.head = &head
	m.classifier(b, c.head(), "classifier.1")
	return m
}
