package nn_test

import (
	"fmt"
	"log"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// A model of layers prints itself.
func ExampleNewSequential() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()

	g := tensor.NewGenerator(1)
	net := nn.NewSequential(
		nn.NewConv2d(d, 3, 8, 4, false, tensor.StridePad(2, 1), g), // [N, 32, 32, 3] → [N, 16, 16, 8]
		nn.NewBatchNorm(d, 8, tensor.ReLU),
		nn.NewConv2d(d, 8, 1, 1, true, tensor.ConvOptions{}, g), // [N, 16, 16, 8] → [N, 16, 16, 1]
		nn.Sigmoid,
	)
	y := net.Forward(d.Zeros(5, 32, 32, 3))
	fmt.Println(y.Shape())
	fmt.Println(net)
	// Output:
	// [5 16 16 1]
	// layer  kind                                   weights         parameters
	// 0      Conv2d(3 → 8, 4×4, stride 2, no bias)  [4 4 3 8]              384
	// 1      BatchNorm(8, ReLU)                     [8], [8]                16
	// 2      Conv2d(8 → 1, 1×1)                     [1 1 8 1], [1]           9
	// total                                                                409
	// and 17 values in buffers, which are not trained
}

// A model is a struct of layers. Its parameters have dotted paths, under which SaveFile writes them.
func Example() {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()

	m := newClassifier(d, tensor.NewGenerator(1))
	for _, p := range nn.Params(m) {
		fmt.Println(p.Path, p.Tensor.Shape())
	}
	fmt.Println(m.logits(d.Zeros(7, 2)).Shape(), nn.Count(m))
	// Output:
	// hidden.weight [2 16]
	// hidden.bias [16]
	// out.weight [16 3]
	// out.bias [3]
	// [7 3] 99
}

// classifier tells three classes of points apart.
type classifier struct{ hidden, out *nn.Linear }

func newClassifier(d *tensor.Device, g *tensor.Generator) *classifier {
	c := &classifier{hidden: nn.NewLinear(d, 2, 16, true, g), out: nn.NewLinear(d, 16, 3, true, g)}
	c.hidden.Act = tensor.ReLU
	return c
}

func (c *classifier) logits(x *tensor.Tensor) *tensor.Tensor {
	x = c.hidden.Forward(x) // [N, 16]
	return c.out.Forward(x) // [N, 3]
}

func (c *classifier) Visit(path string, f func(nn.Param)) {
	c.hidden.Visit(nn.Join(path, "hidden"), f)
	c.out.Visit(nn.Join(path, "out"), f)
}

func (c *classifier) SetTraining(bool) {}
