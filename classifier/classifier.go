// Package classifier is a small residual network that names the class of a picture (He et al., 2016), or its attributes. It
// judges generated pictures: by the class that it sees in them, and by its features, in which sets of pictures are
// compared.
//
// The stem halves a picture to 32×32 pixels. Each stage has residual blocks
//
//	y = ReLU(x + BN(conv(ReLU(BN(conv(x))))))
//
// of 3×3 convolutions, and each stage but the first halves the picture. The features are the averages of the last
// stage's channels over the picture. The logits are a linear function of them.
//
// With Config.Backbone, the features are those of a network that was trained on ImageNet, and only the linear function is
// trained. That needs far fewer pictures.
package classifier

import (
	"fmt"
	"math"
	"strconv"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Classifier maps pictures [N, S, S, C] to features [N, F] and to logits [N, classes].
type Classifier struct {
	config  Config
	stem    *nn.Sequential
	stages  *nn.Sequential
	pre     *pretrained // instead of stem and stages; nil without Config.Backbone
	dropout *nn.Dropout
	fc      *nn.Linear
}

// New builds a classifier on a device. g initialises the weights and is kept for dropout. The error is a
// [*fault.FieldError], or a [*fault.OutOfMemory] of the device.
func New(d *tensor.Device, c Config, g *tensor.Generator) (m *Classifier, err error) {
	defer fault.Catch(&err)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	m = &Classifier{config: c, stem: &nn.Sequential{}, stages: &nn.Sequential{}}
	if c.Backbone != "" {
		if m.pre, err = newPretrained(d, c); err != nil {
			return nil, err
		}
	} else {
		m.addStages(d, g)
	}
	m.dropout = nn.NewDropout(c.Dropout, g)
	m.fc = nn.NewLinear(d, c.Features(), len(c.Classes), true, g)
	return m, nil
}

// addStages adds the stem and the stages.
func (m *Classifier) addStages(d *tensor.Device, g *tensor.Generator) {
	c := m.config
	from, side := c.Channels, c.ImageSize
	for i := 0; i == 0 || side >= 2*firstSide; i++ {
		stride := 1
		if side >= 2*firstSide {
			stride = 2
		}
		m.stem.Add(strconv.Itoa(3*i), newConv(d, from, c.Widths[0], 3, stride, g))
		m.stem.Add(strconv.Itoa(3*i+1), nn.NewBatchNorm(d, c.Widths[0], tensor.ReLU))
		from, side = c.Widths[0], side/stride
	}
	for i, width := range c.Widths {
		for k := range c.Blocks {
			stride := 1
			if i > 0 && k == 0 {
				stride = 2
			}
			m.stages.Add(fmt.Sprintf("%d.%d", i, k), newBlock(d, from, width, stride, g))
			from = width
		}
	}
}

// newConv returns a convolution without bias, which a batch normalization follows, with weights from N(0, 2/fan) where fan
// is out·kernel² (He et al., 2015).
func newConv(d *tensor.Device, in, out, kernel, stride int, g *tensor.Generator) *nn.Conv2d {
	std := math.Sqrt(2 / float64(out*kernel*kernel))
	return &nn.Conv2d{Weight: nn.Normal(d, g, 0, std, kernel, kernel, in, out), Options: tensor.StridePad(stride, kernel/2)}
}

// Config returns the configuration that m was built with.
func (m *Classifier) Config() Config { return m.config }

// Features returns the features [N, F] of pictures [N, S, S, C] with values in [−1, 1].
func (m *Classifier) Features(x *tensor.Tensor) *tensor.Tensor {
	if m.pre != nil {
		return m.pre.features(x)
	}
	x = m.stages.Forward(m.stem.Forward(x))                         // [N, s, s, F]
	return x.Reshape(x.Dim(0), x.Dim(1)*x.Dim(2), x.Dim(3)).Mean(1) // [N, F]
}

// Activations returns the output of each stage, [N, s, s, width] with s = 32, 16, … (48, 24, … of a multiple of 96 pixels),
// for pictures [N, S, S, C] with values in [−1, 1]; with Config.Backbone, its features at strides 4 to 32.
func (m *Classifier) Activations(x *tensor.Tensor) []*tensor.Tensor {
	if m.pre != nil {
		return m.pre.backbone.Features(m.pre.resize(x))
	}
	var all []*tensor.Tensor
	x = m.stem.Forward(x)
	for i, block := range m.stages.Layers() {
		x = block.Forward(x)
		if (i+1)%m.config.Blocks == 0 {
			all = append(all, x)
		}
	}
	return all
}

// Logits returns the logits [N, classes] of features [N, F].
func (m *Classifier) Logits(features *tensor.Tensor) *tensor.Tensor {
	if m.pre != nil {
		features = m.pre.standardize(features)
	}
	return m.fc.Forward(m.dropout.Forward(features))
}

// Probabilities returns the probability of each class [N, classes] for features [N, F]: of the softmax or, for attributes,
// of a sigmoid each.
func (m *Classifier) Probabilities(features *tensor.Tensor) *tensor.Tensor {
	if m.config.Attributes {
		return m.Logits(features).Sigmoid()
	}
	return m.Logits(features).Softmax(1)
}

// Loss returns the loss of pictures x [N, S, S, C], a mean over N, and their logits. targets [N, classes] are one-hot
// classes, or attributes that are 0 or 1. The loss is the cross-entropy of the softmax with label smoothing (Szegedy et
// al., 2016), or the mean of the attributes' binary cross-entropies.
func (m *Classifier) Loss(x, targets *tensor.Tensor) (loss, logits *tensor.Tensor) {
	return m.FeatureLoss(m.Features(x), targets)
}

// FeatureLoss is Loss for features [N, F] of pictures.
func (m *Classifier) FeatureLoss(features, targets *tensor.Tensor) (loss, logits *tensor.Tensor) {
	logits = m.Logits(features) // [N, classes]
	c, n := m.config, float64(targets.Dim(0))
	classes := float64(len(c.Classes))
	if c.Attributes {
		smooth := targets.Scale(1 - c.Smoothing).AddScalar(c.Smoothing / 2)
		return logits.Softplus().Sub(logits.Mul(smooth)).Mean(), logits // −t·ln σ(z) − (1−t)·ln σ(−z) = ln(1+eᶻ) − t·z
	}
	smooth := targets.Scale(1 - c.Smoothing).AddScalar(c.Smoothing / classes)
	return logits.LogSoftmax(1).Mul(smooth).Sum().Scale(-1 / n), logits
}

// Visit implements nn.Module.
func (m *Classifier) Visit(path string, f func(nn.Param)) {
	m.stem.Visit(nn.Join(path, "stem"), f)
	m.stages.Visit(nn.Join(path, "stages"), f)
	if m.pre != nil {
		m.pre.visit(path, f)
	}
	m.fc.Visit(nn.Join(path, "fc"), f)
}

// SetTraining implements nn.Module.
func (m *Classifier) SetTraining(on bool) {
	m.stem.SetTraining(on)
	m.stages.SetTraining(on)
	m.dropout.SetTraining(on)
}

// String implements fmt.Stringer: the sizes of m and the table of [nn.Summary].
func (m *Classifier) String() string {
	c := m.config
	return fmt.Sprintf("Classifier: pictures [N, %d, %d, %d] → features [N, %d] → %d classes\n", c.ImageSize, c.ImageSize, c.Channels, c.Features(), len(c.Classes)) + nn.Summary(m)
}

// block is a residual block, [N, H, W, in] → [N, H/stride, W/stride, out].
type block struct {
	conv1, conv2 *nn.Conv2d
	bn1, bn2     *nn.BatchNorm
	shortcut     *nn.Sequential // nil for the identity
}

func newBlock(d *tensor.Device, in, out, stride int, g *tensor.Generator) *block {
	b := &block{
		conv1: newConv(d, in, out, 3, stride, g), bn1: nn.NewBatchNorm(d, out, tensor.ReLU),
		conv2: newConv(d, out, out, 3, 1, g), bn2: nn.NewBatchNorm(d, out, tensor.Identity),
	}
	b.bn2.Weight.Set(make([]float32, out)) // a block begins as its shortcut (Goyal et al., 2017)
	if in != out || stride != 1 {
		b.shortcut = nn.NewSequential(newConv(d, in, out, 1, stride, g), nn.NewBatchNorm(d, out, tensor.Identity))
	}
	return b
}

// Forward implements nn.Layer.
func (b *block) Forward(x *tensor.Tensor) *tensor.Tensor {
	y := b.bn2.Forward(b.conv2.Forward(b.bn1.Forward(b.conv1.Forward(x))))
	if b.shortcut != nil {
		x = b.shortcut.Forward(x)
	}
	return y.Add(x).ReLU()
}

// Visit implements nn.Module.
func (b *block) Visit(path string, f func(nn.Param)) {
	b.conv1.Visit(nn.Join(path, "conv1"), f)
	b.bn1.Visit(nn.Join(path, "bn1"), f)
	b.conv2.Visit(nn.Join(path, "conv2"), f)
	b.bn2.Visit(nn.Join(path, "bn2"), f)
	if b.shortcut != nil {
		b.shortcut.Visit(nn.Join(path, "downsample"), f)
	}
}

// SetTraining implements nn.Module.
func (b *block) SetTraining(on bool) {
	b.bn1.SetTraining(on)
	b.bn2.SetTraining(on)
	if b.shortcut != nil {
		b.shortcut.SetTraining(on)
	}
}
