package tensor_test

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	. "github.com/bestiary-ml/bestiary/tensor"
)

// convCase is a drawn convolution.
type convCase struct {
	ConvOptions
	x, w, bias *Tensor
	inputs     []*Tensor
}

func drawConv(t *rapid.T, d *Device, transposed bool) convCase {
	pair := func(low, high int, name string) [2]int {
		g := rapid.IntRange(low, high)
		return [2]int{g.Draw(t, name), g.Draw(t, name)}
	}
	c := convCase{ConvOptions: ConvOptions{
		Stride: pair(1, 3, "stride"), Padding: pair(0, 2, "padding"), Dilation: pair(1, 2, "dilation"),
		Groups: rapid.IntRange(1, 2).Draw(t, "groups"), Act: drawActivation(t),
	}}
	r := gradcheck.Rand(t)
	size, taps, channels := pair(3, 6, "size"), pair(1, 3, "kernel"), pair(1, 2, "channels")
	n := rapid.IntRange(1, 2).Draw(t, "images")
	for i := range size { // the dilated kernel must fit in
		size[i] = max(size[i], c.Dilation[i]*(taps[i]-1)+1-2*c.Padding[i])
	}
	in, out := channels[0]*c.Groups, channels[1]*c.Groups
	if transposed {
		for i := range size {
			c.OutputPadding[i] = rapid.IntRange(0, max(c.Stride[i], c.Dilation[i])-1).Draw(t, "output padding")
			size[i] = 3
			c.Padding[i] = min(c.Padding[i], c.Dilation[i]*(taps[i]-1))
		}
		c.w = gradcheck.Normal(d, r, taps[0], taps[1], channels[1], in)
	} else {
		c.w = gradcheck.Normal(d, r, taps[0], taps[1], channels[0], out)
	}
	c.x, c.bias = gradcheck.Normal(d, r, n, size[0], size[1], in), gradcheck.Normal(d, r, out)
	c.inputs = []*Tensor{c.x, c.w, c.bias}
	if rapid.Bool().Draw(t, "no bias") {
		c.inputs, c.bias = c.inputs[:2], nil
	}
	return c
}

// taps calls f for every pair of positions in the small and the large image that a tap joins; the large one is a
// convolution's input and a transposed convolution's output.
func (c convCase) taps(small, large [2]int, f func(i, j, y, x, a, b int)) {
	for i := range small[0] {
		for j := range small[1] {
			for a := range c.w.Dim(0) {
				for b := range c.w.Dim(1) {
					y, x := i*c.Stride[0]+a*c.Dilation[0]-c.Padding[0], j*c.Stride[1]+b*c.Dilation[1]-c.Padding[1]
					if y >= 0 && y < large[0] && x >= 0 && x < large[1] {
						f(i, j, y, x, a, b)
					}
				}
			}
		}
	}
}

func TestConv2d(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		c := drawConv(t, d, false)
		y := c.x.Conv2d(c.w, c.bias, c.ConvOptions)
		out, perIn, perOut := c.w.Dim(3), c.w.Dim(2), c.w.Dim(3)/c.Groups
		shape := []int{c.x.Dim(0), 0, 0, out}
		for i := range 2 {
			shape[1+i] = (c.x.Dim(1+i)+2*c.Padding[i]-c.Dilation[i]*(c.w.Dim(i)-1)-1)/c.Stride[i] + 1
		}
		want := make([]float64, product(shape))
		c.finish(want, out, func(n, o int) {
			c.taps([2]int(shape[1:3]), [2]int(c.x.Shape()[1:3]), func(i, j, y, x, a, b int) {
				for ch := range perIn {
					want[((n*shape[1]+i)*shape[2]+j)*out+o] +=
						element(c.x, []int{n, y, x, o/perOut*perIn + ch}) * element(c.w, []int{a, b, ch, o})
				}
			})
		})
		gradcheck.Values(t, y, shape, want)
		gradcheck.Check(t, func() *Tensor { return c.x.Conv2d(c.w, c.bias, c.ConvOptions) }, c.inputs...)
	})
	gradcheck.Panics(t, func() { d.Zeros(1, 2, 2, 3).Conv2d(d.Zeros(3, 3, 3, 4), nil, StridePad(2, 0)) }) // a kernel larger than the image
	gradcheck.Panics(t, func() { d.Zeros(1, 4, 4, 3).Conv2d(d.Zeros(3, 3, 2, 4), nil, StridePad(1, 0)) })
	gradcheck.Panics(t, func() { d.Zeros(1, 4, 4, 3).Conv2d(d.Zeros(3, 3, 3, 4), d.Zeros(3), StridePad(1, 0)) })
	gradcheck.Panics(t, func() { d.Zeros(1, 4, 4, 3).Conv2d(d.Zeros(3, 3, 3, 4), nil, ConvOptions{OutputPadding: [2]int{1, 1}}) })
}

func TestConvTranspose2d(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		c := drawConv(t, d, true)
		y := c.x.ConvTranspose2d(c.w, c.bias, c.ConvOptions)
		perIn, perOut := c.w.Dim(3)/c.Groups, c.w.Dim(2)
		out := perOut * c.Groups
		shape := []int{c.x.Dim(0), 0, 0, out}
		for i := range 2 {
			shape[1+i] = (c.x.Dim(1+i)-1)*c.Stride[i] - 2*c.Padding[i] + c.Dilation[i]*(c.w.Dim(i)-1) + c.OutputPadding[i] + 1
		}
		want := make([]float64, product(shape))
		c.finish(want, out, func(n, o int) {
			c.taps([2]int(c.x.Shape()[1:3]), [2]int(shape[1:3]), func(i, j, y, x, a, b int) {
				for ch := range perIn {
					in := o/perOut*perIn + ch
					want[((n*shape[1]+y)*shape[2]+x)*out+o] += element(c.x, []int{n, i, j, in}) * element(c.w, []int{a, b, o % perOut, in})
				}
			})
		})
		gradcheck.Values(t, y, shape, want)
		gradcheck.Check(t, func() *Tensor { return c.x.ConvTranspose2d(c.w, c.bias, c.ConvOptions) }, c.inputs...)
	})
	gradcheck.Panics(t, func() {
		d.Zeros(1, 2, 2, 3).ConvTranspose2d(d.Zeros(3, 3, 4, 3), nil, ConvOptions{OutputPadding: [2]int{1, 0}})
	})
	gradcheck.Panics(t, func() { d.Zeros(1, 2, 2, 3).ConvTranspose2d(d.Zeros(3, 3, 3, 4), nil, StridePad(1, 0)) })
}

// finish sums the products of every image and output channel into want, then adds the bias and activates.
func (c convCase) finish(want []float64, out int, sum func(n, o int)) {
	for n := range c.x.Dim(0) {
		for o := range out {
			sum(n, o)
		}
	}
	for i := range want {
		if c.bias != nil {
			want[i] += gradcheck.Exact(c.bias)[i%out]
		}
		want[i] = activated(c.Act, want[i])
	}
}

// TestDefaults checks that zero options mean stride 1, dilation 1 and one group.
func TestDefaults(t *testing.T) {
	d := gradcheck.Device(t)
	r := rand.New(rand.NewPCG(1, 1))
	x, w := gradcheck.Normal(d, r, 1, 4, 4, 2), gradcheck.Normal(d, r, 3, 3, 2, 3)
	ones := ConvOptions{Stride: [2]int{1, 1}, Dilation: [2]int{1, 1}, Groups: 1}
	gradcheck.Values(t, x.Conv2d(w, nil, ConvOptions{}), []int{1, 2, 2, 3}, gradcheck.Exact(x.Conv2d(w, nil, ones)))
}
