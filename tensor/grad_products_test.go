package tensor_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	. "github.com/bestiary-ml/bestiary/tensor"
)

var activations = map[string]Activation{
	"identity": Identity, "relu": ReLU, "leaky": LeakyReLU(0.2), "tanh": Tanh, "sigmoid": Sigmoid,
}

func drawActivation(t *rapid.T) Activation {
	return activations[rapid.SampledFrom([]string{"identity", "relu", "leaky", "tanh", "sigmoid"}).Draw(t, "act")]
}

func activated(a Activation, x float64) float64 {
	switch a {
	case ReLU:
		return max(x, 0)
	case LeakyReLU(0.2):
		return max(x, 0.2*x)
	case Tanh:
		return math.Tanh(x)
	case Sigmoid:
		return 1 / (1 + math.Exp(-x))
	}
	return x
}

// product returns the number of elements of a shape.
func product(shape []int) int {
	n := 1
	for _, size := range shape {
		n *= size
	}
	return n
}

func TestMatMul(t *testing.T) {
	d := gradcheck.Device(t)
	products := map[string]struct {
		op             func(a, b *Tensor) *Tensor
		transA, transB bool
	}{
		"a·b":  {(*Tensor).MatMul, false, false},
		"a·bᵀ": {(*Tensor).MatMulT, false, true},
		"aᵀ·b": {(*Tensor).TMatMul, true, false},
	}
	for name, p := range products {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				size := rapid.IntRange(1, 4)
				m, n, k := size.Draw(t, "m"), size.Draw(t, "n"), size.Draw(t, "k")
				batch := rapid.SliceOfN(rapid.IntRange(1, 3), 0, 2).Draw(t, "batch")
				oneB := !p.transA && rapid.Bool().Draw(t, "one b")
				shapeA, shapeB := []int{m, k}, []int{k, n}
				if p.transA {
					shapeA = []int{k, m}
				}
				if p.transB {
					shapeB = []int{n, k}
				}
				shapeA = append(append([]int{}, batch...), shapeA...)
				if !oneB {
					shapeB = append(append([]int{}, batch...), shapeB...)
				}
				r := gradcheck.Rand(t)
				a, b := gradcheck.Normal(d, r, shapeA...), gradcheck.Normal(d, r, shapeB...)
				shape := append(append([]int{}, batch...), m, n)
				want := make([]float64, product(shape))
				for i := range want {
					item, row, col := i/n/m, i/n%m, i%n
					from := item
					if oneB {
						from = 0
					}
					for j := range k {
						atA, atB := item*m*k+row*k+j, from*k*n+j*n+col
						if p.transA {
							atA = item*m*k + j*m + row
						}
						if p.transB {
							atB = from*k*n + col*k + j
						}
						want[i] += gradcheck.Exact(a)[atA] * gradcheck.Exact(b)[atB]
					}
				}
				gradcheck.Values(t, p.op(a, b), shape, want)
				gradcheck.Check(t, func() *Tensor { return p.op(a, b) }, a, b)
			})
		})
	}
	for _, pair := range [][2][]int{{{2, 3}, {2, 3}}, {{2, 3, 4, 5}, {3, 2, 5, 6}}, {{3}, {3, 4}}, {{2, 3}, {5, 3, 2}}} {
		gradcheck.Panics(t, func() { d.Zeros(pair[0]...).MatMul(d.Zeros(pair[1]...)) })
	}
	gradcheck.Panics(t, func() { d.Zeros(2, 3, 4).TMatMul(d.Zeros(3, 5)) })
}

func TestLinear(t *testing.T) {
	d := gradcheck.Device(t)
	for name, act := range activations {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				shape := rapid.SliceOfN(rapid.IntRange(1, 4), 1, 4).Draw(t, "shape")
				in, out := shape[len(shape)-1], rapid.IntRange(1, 5).Draw(t, "out")
				r := gradcheck.Rand(t)
				x, w, bias := gradcheck.Normal(d, r, shape...), gradcheck.Normal(d, r, in, out), gradcheck.Normal(d, r, out)
				inputs := []*Tensor{x, w, bias}
				if rapid.Bool().Draw(t, "no bias") {
					inputs, bias = inputs[:2], nil
				}
				shape[len(shape)-1] = out
				want := make([]float64, product(shape))
				for i := range want {
					if bias != nil {
						want[i] = gradcheck.Exact(bias)[i%out]
					}
					for j := range in {
						want[i] += gradcheck.Exact(x)[i/out*in+j] * gradcheck.Exact(w)[j*out+i%out]
					}
					want[i] = activated(act, want[i])
				}
				gradcheck.Values(t, x.Linear(w, bias, act), shape, want)
				gradcheck.Check(t, func() *Tensor { return x.Linear(w, bias, act) }, inputs...)
			})
		})
	}
	gradcheck.Panics(t, func() { d.Zeros(2, 3).Linear(d.Zeros(4, 5), nil, Identity) })
	gradcheck.Panics(t, func() { d.Zeros(2, 3).Linear(d.Zeros(3, 5), d.Zeros(4), Identity) })
}

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

// TestDefaults checks that zero options stand for stride 1, dilation 1 and one group.
func TestDefaults(t *testing.T) {
	d := gradcheck.Device(t)
	r := rand.New(rand.NewPCG(1, 1))
	x, w := gradcheck.Normal(d, r, 1, 4, 4, 2), gradcheck.Normal(d, r, 3, 3, 2, 3)
	ones := ConvOptions{Stride: [2]int{1, 1}, Dilation: [2]int{1, 1}, Groups: 1}
	gradcheck.Values(t, x.Conv2d(w, nil, ConvOptions{}), []int{1, 2, 2, 3}, gradcheck.Exact(x.Conv2d(w, nil, ones)))
}
