package tensor

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/testdevice/testgpu"
)

// eachKernelSet runs f on a float32 device of every kernel set, or on the GPU that tests are to compute on.
func eachKernelSet(t *testing.T, threads int, f func(t *testing.T, d *Device)) {
	if d := testgpu.Wanted(t); d != nil {
		d.SetPrecision(kernel.Highest)
		f(t, newDevice(d))
		return
	}
	for _, kernels := range []string{"portable", "avx2", "avx512", "neon"} {
		t.Run(kernels, func(t *testing.T) {
			d, err := OpenDevice("cpu", DeviceOptions{Threads: threads, Kernels: kernels})
			if err != nil {
				t.Skip(err)
			}
			defer d.Close()
			f(t, d)
		})
	}
}

// golden reads the reference values of one case and compares with them.
type golden struct {
	t    *testing.T
	d    *Device
	file *safetensors.File
	name string
}

// leaf is the reference tensor of that name as an input, with its dimensions in another order if one is given.
func (g golden) leaf(name string, order ...int) *Tensor {
	values, shape, err := g.file.Float32(g.name + "." + name)
	if err != nil {
		g.t.Fatal(err)
	}
	x := g.d.From(values, shape...)
	if order != nil {
		x = x.Permute(order...)
	}
	return x.Keep().SetRequiresGrad(true)
}

func (g golden) ints(name string) *Tensor {
	values, shape, err := g.file.Int64(g.name + "." + name)
	if err != nil {
		g.t.Fatal(err)
	}
	narrow := make([]int32, len(values))
	for i, v := range values {
		narrow[i] = int32(v)
	}
	return g.d.Ints(narrow, shape...)
}

// compare fails unless x is the reference tensor to within 1e-4 of its largest magnitude.
func (g golden) compare(name string, x *Tensor, order ...int) {
	g.t.Helper()
	if x == nil {
		g.t.Fatalf("%s.%s is missing", g.name, name)
	}
	want := g.leaf(name, order...)
	if !slices.Equal(x.Shape(), want.Shape()) && x.Len() != 1 {
		g.t.Fatalf("%s.%s has shape %v, want %v", g.name, name, x.Shape(), want.Shape())
	}
	largest, worst := 0.0, 0.0
	got := x.Values()
	for i, v := range want.Values() {
		largest = max(largest, math.Abs(float64(v)))
		worst = max(worst, math.Abs(float64(v-got[i])))
	}
	if !(worst <= 1e-4*largest) {
		g.t.Errorf("%s.%s is off by %.2g where the largest is %.2g", g.name, name, worst, largest)
	}
}

// The orders that turn PyTorch's images and convolution weights into ours.
var (
	images  = []int{0, 2, 3, 1}
	weights = []int{2, 3, 1, 0}
)

// goldenOps maps the cases whose inputs and outputs need no more than a change of layout.
var goldenOps = map[string]struct {
	op     func(in []*Tensor) *Tensor
	orders [][]int // of the inputs
	out    []int   // of the output
}{
	"linear":         {func(in []*Tensor) *Tensor { return in[0].Linear(in[1], in[2], Identity) }, [][]int{nil, {1, 0}, nil}, nil},
	"matmul_batched": {op: func(in []*Tensor) *Tensor { return in[0].MatMul(in[1]) }, orders: [][]int{nil, nil}},
	"layer_norm":     {op: func(in []*Tensor) *Tensor { return in[0].LayerNorm(in[1], in[2], 1e-5) }, orders: [][]int{nil, nil, nil}},
	"batch_norm1d_train": {op: func(in []*Tensor) *Tensor {
		y, _, _ := in[0].BatchNorm(in[1], in[2], BatchNormOptions{Eps: 1e-5})
		return y
	}, orders: [][]int{nil, nil, nil}},
	"batch_norm2d_train": {func(in []*Tensor) *Tensor {
		y, _, _ := in[0].BatchNorm(in[1], in[2], BatchNormOptions{Eps: 1e-5})
		return y
	}, [][]int{images, nil, nil}, images},
	"relu":           {op: func(in []*Tensor) *Tensor { return in[0].ReLU() }},
	"leaky_relu_0.2": {op: func(in []*Tensor) *Tensor { return in[0].LeakyReLU(0.2) }},
	"tanh":           {op: func(in []*Tensor) *Tensor { return in[0].Tanh() }},
	"sigmoid":        {op: func(in []*Tensor) *Tensor { return in[0].Sigmoid() }},
	"gelu":           {op: func(in []*Tensor) *Tensor { return in[0].GELU() }},
	"exp":            {op: func(in []*Tensor) *Tensor { return in[0].Exp() }},
	"log":            {op: func(in []*Tensor) *Tensor { return in[0].Log() }},
	"sqrt":           {op: func(in []*Tensor) *Tensor { return in[0].Sqrt() }},
	"softmax":        {op: func(in []*Tensor) *Tensor { return in[0].Softmax(-1) }},
	"softmax_dim1":   {op: func(in []*Tensor) *Tensor { return in[0].Softmax(1) }},
	"log_softmax":    {op: func(in []*Tensor) *Tensor { return in[0].LogSoftmax(-1) }},
	"mse_loss":       {op: func(in []*Tensor) *Tensor { return in[0].MSELoss(in[1]) }, orders: [][]int{nil, nil}},
	"smooth_l1_loss": {op: func(in []*Tensor) *Tensor { return in[0].SmoothL1Loss(in[1], 1) }, orders: [][]int{nil, nil}},
}

// TestGolden compares every operation and its gradients with PyTorch's.
func TestGolden(t *testing.T) {
	file, err := safetensors.Read("testdata/ops.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]struct{ Stride, Padding int }
	if err := json.Unmarshal([]byte(file.Metadata["cases"]), &cases); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, name := range file.Names() {
		all[name[:strings.LastIndex(name, ".")]] = true
	}
	eachKernelSet(t, 2, func(t *testing.T, d *Device) {
		for name := range all {
			g := golden{t, d, file, name}
			c, plain := goldenOps[name]
			switch {
			case plain:
				if c.orders == nil {
					c.orders = [][]int{nil}
				}
				g.run(c.op, c.orders, c.out)
			case strings.HasPrefix(name, "conv"):
				o := StridePad(cases[name].Stride, cases[name].Padding)
				g.run(func(in []*Tensor) *Tensor {
					if strings.HasPrefix(name, "conv_transpose") {
						return in[0].ConvTranspose2d(in[1], in[2], o)
					}
					return in[0].Conv2d(in[1], in[2], o)
				}, [][]int{images, weights, nil}, images)
			case name == "embedding":
				index := g.ints("index")
				g.run(func(in []*Tensor) *Tensor { return in[0].Embedding(index) }, [][]int{nil}, nil)
			case name == "cross_entropy":
				g.crossEntropy()
			case name == "attention_causal":
				g.attention()
			default:
				t.Errorf("no test for case %s", name)
			}
		}
	})
}

// run compares op's output, and its gradients for the upstream gradient given.
func (g golden) run(op func(in []*Tensor) *Tensor, orders [][]int, out []int) {
	var in []*Tensor
	for i, order := range orders {
		in = append(in, g.leaf(fmt.Sprint("in", i), order...))
	}
	s := g.d.Record()
	defer s.End()
	y := op(in)
	g.compare("out", y, out...)
	y.BackwardFrom(g.leaf("gout", out...))
	for i, x := range in {
		g.compare(fmt.Sprint("grad", i), x.Grad(), orders[i]...)
	}
}

func (g golden) crossEntropy() {
	x, labels := g.leaf("in0"), g.ints("labels")
	s := g.d.Record()
	defer s.End()
	loss := x.CrossEntropy(labels).Mean()
	loss.Backward()
	g.compare("out", loss)
	g.compare("grad0", x.Grad())
}

// attention is softmax(q·kᵀ/√dim + mask)·v, where the mask hides what comes later (Vaswani et al., 2017).
func (g golden) attention() {
	q, k, v := g.leaf("q"), g.leaf("k"), g.leaf("v")
	tokens, dim := q.Dim(-2), q.Dim(-1)
	hidden := make([]float32, tokens*tokens)
	for i := range hidden {
		if i%tokens > i/tokens {
			hidden[i] = float32(math.Inf(-1))
		}
	}
	s := g.d.Record()
	defer s.End()
	scores := q.MatMulT(k).Scale(1 / math.Sqrt(float64(dim))).Add(g.d.From(hidden, tokens, tokens))
	y := scores.Softmax(-1).MatMul(v)
	g.compare("out", y)
	y.BackwardFrom(g.leaf("gout"))
	g.compare("grad_q", q.Grad())
	g.compare("grad_k", k.Grad())
	g.compare("grad_v", v.Grad())
}

// TestGoldenFused compares fused activations with PyTorch's separate ones, as far as the reference values go.
func TestGoldenFused(t *testing.T) {
	file, err := safetensors.Read("testdata/ops.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	eachKernelSet(t, 2, func(t *testing.T, d *Device) {
		for name, act := range map[string]Activation{
			"relu": ReLU, "leaky_relu_0.2": LeakyReLU(0.2), "tanh": Tanh, "sigmoid": Sigmoid,
		} {
			g := golden{t, d, file, name}
			width := g.leaf("in0").Dim(-1)
			diagonal := make([]float32, width*width)
			for i := range width {
				diagonal[i*width+i] = 1
			}
			identity := d.From(diagonal, width, width)
			g.run(func(in []*Tensor) *Tensor { return in[0].Linear(identity, nil, act) }, [][]int{nil}, nil)
		}
	})
}
