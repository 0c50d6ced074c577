package inception

import (
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// shape is that of a convolution.
type shape struct {
	height, width, out int
	stride             int // 0 is 1
	padding            [2]int
}

func square(side, out int) shape               { return shape{height: side, width: side, out: out} }
func flat(out int) shape                       { return shape{height: 1, width: 7, out: out, padding: [2]int{0, 3}} }
func tall(out int) shape                       { return shape{height: 7, width: 1, out: out, padding: [2]int{3, 0}} }
func (s shape) strided(stride int) shape       { s.stride = stride; return s }
func (s shape) padded(height, width int) shape { s.padding = [2]int{height, width}; return s }

// unit is a convolution with batch normalization and ReLU.
type unit struct {
	conv *nn.Conv2d
	norm *nn.BatchNorm
}

func (u unit) forward(x *tensor.Tensor) *tensor.Tensor { return u.norm.Forward(u.conv.Forward(x)) }

func (u unit) visit(path string, f func(nn.Param)) {
	u.conv.Visit(nn.Join(path, "conv"), f)
	u.norm.Visit(nn.Join(path, "bn"), f)
}

// branch is a part of a block: a pooling, or none, then units one after the other, then units that all read the result
// and whose outputs are concatenated.
type branch struct {
	pool  pool
	names []string // of units and forks
	units []unit
	forks []unit
}

func (b branch) forward(x *tensor.Tensor) *tensor.Tensor {
	if b.pool != none {
		x = b.pool.forward(x)
	}
	for _, u := range b.units {
		x = u.forward(x)
	}
	if len(b.forks) == 0 {
		return x
	}
	return tensor.Concat(3, b.forks[0].forward(x), b.forks[1].forward(x))
}

// block concatenates the outputs of its branches.
type block []branch

func (b block) forward(x *tensor.Tensor) *tensor.Tensor {
	parts := make([]*tensor.Tensor, len(b))
	for i, branch := range b {
		parts[i] = branch.forward(x)
	}
	return tensor.Concat(3, parts...)
}

func (b block) visit(path string, f func(nn.Param)) {
	for _, branch := range b {
		for i, u := range append(append([]unit{}, branch.units...), branch.forks...) {
			u.visit(nn.Join(path, branch.names[i]), f)
		}
	}
}

// builder makes units with numbers of channels that are divided by width.
type builder struct {
	device *tensor.Device
	width  int
}

func (b builder) unit(in int, s shape) unit {
	if in != 3 {
		in /= b.width
	}
	out := s.out / b.width
	norm := nn.NewBatchNorm(b.device, out, tensor.ReLU)
	norm.Eps = 1e-3
	norm.SetTraining(false)
	o := tensor.ConvOptions{Stride: [2]int{max(s.stride, 1), max(s.stride, 1)}, Padding: s.padding}
	return unit{&nn.Conv2d{Weight: nn.Constant(b.device, 0, s.height, s.width, in, out), Options: o}, norm}
}

// branch makes units of the shapes under their names.
func (b builder) branch(in int, pool pool, names []string, shapes ...shape) branch {
	r := branch{pool: pool, names: names}
	for _, s := range shapes {
		r.units = append(r.units, b.unit(in, s))
		in = s.out
	}
	return r
}

// fork adds a flat and a tall convolution, both of the branch's output.
func (b builder) fork(r branch, in, out int, names ...string) branch {
	r.names = append(r.names, names...)
	r.forks = []unit{
		b.unit(in, shape{height: 1, width: 3, out: out, padding: [2]int{0, 1}}),
		b.unit(in, shape{height: 3, width: 1, out: out, padding: [2]int{1, 0}}),
	}
	return r
}

func (b builder) blockA(in, pooled int, average pool) block {
	return block{
		b.branch(in, none, []string{"branch1x1"}, square(1, 64)),
		b.branch(in, none, []string{"branch5x5_1", "branch5x5_2"}, square(1, 48), square(5, 64).padded(2, 2)),
		b.branch(in, none, []string{"branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"}, square(1, 64), square(3, 96).padded(1, 1), square(3, 96).padded(1, 1)),
		b.branch(in, average, []string{"branch_pool"}, square(1, pooled)),
	}
}

func (b builder) blockB(in int) block {
	return block{
		b.branch(in, none, []string{"branch3x3"}, square(3, 384).strided(2)),
		b.branch(in, none, []string{"branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"}, square(1, 64), square(3, 96).padded(1, 1), square(3, 96).strided(2)),
		b.branch(in, maximumHalf, nil),
	}
}

func (b builder) blockC(in, inner int, average pool) block {
	return block{
		b.branch(in, none, []string{"branch1x1"}, square(1, 192)),
		b.branch(in, none, []string{"branch7x7_1", "branch7x7_2", "branch7x7_3"}, square(1, inner), flat(inner), tall(192)),
		b.branch(in, none, []string{"branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5"},
			square(1, inner), tall(inner), flat(inner), tall(inner), flat(192)),
		b.branch(in, average, []string{"branch_pool"}, square(1, 192)),
	}
}

func (b builder) blockD(in int) block {
	return block{
		b.branch(in, none, []string{"branch3x3_1", "branch3x3_2"}, square(1, 192), square(3, 320).strided(2)),
		b.branch(in, none, []string{"branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4"},
			square(1, 192), flat(192), tall(192), square(3, 192).strided(2)),
		b.branch(in, maximumHalf, nil),
	}
}

func (b builder) blockE(in int, pooling pool) block {
	return block{
		b.branch(in, none, []string{"branch1x1"}, square(1, 320)),
		b.fork(b.branch(in, none, []string{"branch3x3_1"}, square(1, 384)), 384, 384, "branch3x3_2a", "branch3x3_2b"),
		b.fork(b.branch(in, none, []string{"branch3x3dbl_1", "branch3x3dbl_2"}, square(1, 448), square(3, 384).padded(1, 1)), 384, 384, "branch3x3dbl_3a", "branch3x3dbl_3b"),
		b.branch(in, pooling, []string{"branch_pool"}, square(1, 192)),
	}
}
