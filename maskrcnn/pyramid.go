package maskrcnn

import (
	"math"
	"strconv"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// pyramid is a feature pyramid network (Lin et al., 2017). The maps of the backbone become equally wide; each gets the next
// coarser one added, enlarged to the nearest pixels; a 3×3 convolution smooths the sum. The last map, P6, is every other place
// of the one before.
type pyramid struct{ across, smooth []*nn.Conv2d }

func newPyramid(d *tensor.Device, widths []int, width int, g *tensor.Generator) *pyramid {
	p := &pyramid{}
	for _, from := range widths {
		p.across = append(p.across, uniform(d, from, width, 1, tensor.StridePad(1, 0), g))
		p.smooth = append(p.smooth, uniform(d, width, width, 3, tensor.StridePad(1, 1), g))
	}
	return p
}

// forward maps features at strides 4 to 32 to P2 … P6, [N, H/4, W/4, width] to [N, H/64, W/64, width].
func (p *pyramid) forward(features []*tensor.Tensor) []*tensor.Tensor {
	n := len(features)
	all := make([]*tensor.Tensor, n, n+1)
	var sum *tensor.Tensor
	for i := n - 1; i >= 0; i-- {
		own := p.across[i].Forward(features[i])
		if sum != nil {
			own = own.Add(sum.Upsample(2))
		}
		sum = own
		all[i] = p.smooth[i].Forward(sum)
	}
	return append(all, all[n-1].MaxPool2d(tensor.Pool(1, 2, 0)))
}

func (p *pyramid) visit(path string, f func(nn.Param)) {
	for i, c := range p.across {
		c.Visit(nn.Join(path, "inner_blocks."+strconv.Itoa(i)+".0"), f)
	}
	for i, c := range p.smooth {
		c.Visit(nn.Join(path, "layer_blocks."+strconv.Itoa(i)+".0"), f)
	}
}

// uniform returns a convolution with a bias of 0 and weights from U(−√(3/fan in), √(3/fan in)), the pyramid's initialisation.
func uniform(d *tensor.Device, in, out, kernel int, o tensor.ConvOptions, g *tensor.Generator) *nn.Conv2d {
	bound := math.Sqrt(3 / float64(in*kernel*kernel))
	return &nn.Conv2d{Weight: nn.Uniform(d, g, bound, kernel, kernel, in, out), Bias: nn.Constant(d, 0, out), Options: o}
}

// normal returns a convolution with a bias of 0 and weights from N(0, std²).
func normal(d *tensor.Device, in, out, kernel int, std float64, o tensor.ConvOptions, g *tensor.Generator) *nn.Conv2d {
	return &nn.Conv2d{Weight: nn.Normal(d, g, 0, std, kernel, kernel, in, out), Bias: nn.Constant(d, 0, out), Options: o}
}

// rectified are the options of a convolution that ReLU follows.
func rectified(o tensor.ConvOptions) tensor.ConvOptions {
	o.Act = tensor.ReLU
	return o
}
