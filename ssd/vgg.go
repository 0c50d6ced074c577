package ssd

import (
	"strconv"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// vgg is VGG16 (Simonyan & Zisserman, 2015) as SSD has it: the third pooling rounds up, the fifth keeps the size, and the first two
// fully connected layers are convolutions, the first of them dilated. The feature maps are conv4_3, normalized and scaled, and fc7.
type vgg struct {
	scale, shift *tensor.Tensor  // [3] pictures in [−1, 1] to what the weights were trained on
	blocks       [stages][]*conv // conv1_1 … conv5_3
	fc           [2]*nn.Conv2d   // fc6 and fc7
	norm         *tensor.Tensor  // [512] scale of the normalized conv4_3: scale_weight
	frozen       int             // first blocks that are not trained
}

// conv is a convolution under its name in torchvision's state dict.
type conv struct {
	name string
	*nn.Conv2d
}

// vggBlocks are the widths of the convolutions of each block; all but the last block end with a pooling.
var vggBlocks = [stages][]int{{64, 64}, {128, 128}, {256, 256, 256}, {512, 512, 512}, {512, 512, 512}}

const (
	fcWidth  = 1024
	l2Scale  = 20 // initial scale of the normalized conv4_3
	dilation = 6  // of fc6
)

// vggMean is the mean of the channels, for v from 0 to 1; the deviation is 1/255.
var vggMean = [3]float64{0.48235, 0.45882, 0.40784}

// adapt changes the first convolution from pictures (v − mean)/deviation of ImageNet to 255·(v − vggMean). Only the padding differs
// then, by the small difference of the means.
func (m *vgg) adapt() {
	mean, deviation := backbone.ImageNet()
	c := m.blocks[0][0]
	weight, bias := c.Weight.Values(), c.Bias.Values() // [3, 3, 3, 64], [64]
	for i, w := range weight {
		in, out := i/len(bias)%3, i%len(bias)
		bias[out] += w * float32((vggMean[in]-mean[in])/deviation[in])
		weight[i] = w / float32(255*deviation[in])
	}
	c.Weight.Set(weight)
	c.Bias.Set(bias)
}

func newVGG(d *tensor.Device, frozen int, g *tensor.Generator) *vgg {
	m := &vgg{frozen: frozen, norm: nn.Constant(d, l2Scale, vggBlocks[3][0])}
	var scale, shift []float32
	for _, mean := range vggMean {
		scale, shift = append(scale, 127.5), append(shift, float32(255*(0.5-mean)))
	}
	m.scale, m.shift = d.From(scale, 3).Keep(), d.From(shift, 3).Keep()
	from, index := 3, 0 // index counts convolutions, activations and poolings
	for i, widths := range vggBlocks {
		for _, width := range widths {
			c := kaiming(d, from, width, 3, rectified(tensor.StridePad(1, 1)), g)
			if i < frozen {
				c.Weight.SetRequiresGrad(false)
				c.Bias.SetRequiresGrad(false)
			}
			m.blocks[i] = append(m.blocks[i], &conv{vggName(index), c})
			from, index = width, index+2
		}
		index++
	}
	o := rectified(tensor.StridePad(1, dilation))
	o.Dilation = [2]int{dilation, dilation}
	m.fc[0] = xavier(d, from, fcWidth, 3, o, g)
	m.fc[1] = xavier(d, fcWidth, fcWidth, 1, rectified(tensor.ConvOptions{}), g)
	return m
}

// poolFour is the index of the fourth pooling, with which torchvision's second part begins.
const poolFour = 23

// vggName returns torchvision's name of the layer that has an index in VGG16.
func vggName(index int) string {
	if index >= poolFour {
		return "extra.0." + strconv.Itoa(index-poolFour)
	}
	return "features." + strconv.Itoa(index)
}

func (m *vgg) features(x *tensor.Tensor) []*tensor.Tensor {
	x = x.Mul(m.scale).Add(m.shift)
	var normal *tensor.Tensor
	for i, block := range m.blocks {
		for _, c := range block {
			x = c.Forward(x)
		}
		switch pool := (tensor.PoolOptions{Kernel: [2]int{2, 2}, Stride: [2]int{2, 2}, Ceil: i == 2}); i {
		case stages - 1:
			x = x.MaxPool2d(tensor.PoolOptions{Kernel: [2]int{3, 3}, Stride: [2]int{1, 1}, Padding: [2]int{1, 1}}) // [N, 19, 19, 512]
		case stages - 2:
			normal = normalize(x).Mul(m.norm) // [N, 38, 38, 512]
			fallthrough
		default:
			x = x.MaxPool2d(pool)
		}
	}
	x = m.fc[1].Forward(m.fc[0].Forward(x)) // [N, 19, 19, 1024]
	return []*tensor.Tensor{normal, x}
}

// normalize divides the channels of each place by their Euclidean norm. Where all channels are 0, so are the result and the gradient
// of the norm.
func normalize(x *tensor.Tensor) *tensor.Tensor {
	shape := x.Shape()
	norm := x.Square().Sum(3).AddScalar(1e-24).Sqrt()
	return x.Div(norm.Reshape(shape[0], shape[1], shape[2], 1))
}

func (m *vgg) widths() []int { return []int{vggBlocks[3][0], fcWidth} }

func (m *vgg) visit(path string, f func(nn.Param)) {
	f(nn.Param{Path: nn.Join(path, "scale_weight"), Tensor: m.norm, Trainable: true})
	for i, block := range m.blocks {
		for _, c := range block {
			c.Visit(nn.Join(path, c.name), func(p nn.Param) {
				p.Trainable = i >= m.frozen
				f(p)
			})
		}
	}
	m.fc[0].Visit(nn.Join(path, "extra.0.7.1"), f)
	m.fc[1].Visit(nn.Join(path, "extra.0.7.3"), f)
}

func (m *vgg) setTraining(bool) {}
