package flows

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// MADE is a masked autoregressive network (Germain et al., 2015): of the Params numbers that it predicts for a column, each
// depends on the condition and on the columns before it only. It is a stack of linear layers with ReLU between them, whose
// weights are multiplied by masks:
//
//	[N, C + D] → [N, D·Params]
//
// Each unit has a degree, the last position of a column that it may depend on; a weight is kept if the degree doesn't fall.
type MADE struct {
	Layers []*MaskedLinear
	dim    int
	params int
	order  []int     // order[j] is the position of column j, counted from 1
	kept   *unitPlan // of frozen weights, see planned
}

// MaskedLinear is a linear layer x·(Weight∘Mask) + Bias.
type MaskedLinear struct {
	*nn.Linear
	Mask *tensor.Tensor // [in, out], 0 and 1
}

// Forward implements [nn.Layer].
func (l *MaskedLinear) Forward(x *tensor.Tensor) *tensor.Tensor {
	return x.Linear(l.Weight.Mul(l.Mask), l.Bias, l.Act)
}

// Visit implements [nn.Module].
func (l *MaskedLinear) Visit(path string, f func(nn.Param)) {
	l.Linear.Visit(path, f)
	f(nn.Param{Path: nn.Join(path, "mask"), Tensor: l.Mask, Torch: []int{1, 0}, Layer: l})
}

// NewMADE returns a network for rows of len(order) columns, of which column j has the position order[j], and a condition of
// condition columns. order is a permutation of 1 to D. Weights are initialised as PyTorch does.
func NewMADE(d *tensor.Device, order []int, condition int, hidden []int, params int, g *tensor.Generator) *MADE {
	dim := len(order)
	m := &MADE{dim: dim, params: params, order: slices.Clone(order)}
	degrees := append(slices.Repeat([]int{0}, condition), order...)
	for _, size := range hidden {
		own := hiddenDegrees(size, dim, condition > 0)
		l := newMaskedLinear(d, degrees, own, g)
		l.Act = tensor.ReLU
		m.Layers = append(m.Layers, l)
		degrees = own
	}
	outputs := make([]int, 0, dim*params)
	for _, position := range order {
		outputs = append(outputs, slices.Repeat([]int{position - 1}, params)...)
	}
	m.Layers = append(m.Layers, newMaskedLinear(d, degrees, outputs, g))
	return m
}

// hiddenDegrees spreads the degrees over a layer's units, ascending. Degree 0, which depends on the condition only, is left out
// where there is no condition.
func hiddenDegrees(size, dim int, conditional bool) []int {
	first := 1
	if conditional || dim == 1 {
		first = 0
	}
	count := max(dim-first, 1) // degrees first to dim−1
	degrees := make([]int, size)
	for i := range degrees {
		degrees[i] = first + i*count/size
	}
	return degrees
}

// newMaskedLinear keeps the weight from a unit to another if the degree doesn't fall.
func newMaskedLinear(d *tensor.Device, in, out []int, g *tensor.Generator) *MaskedLinear {
	mask := make([]float32, len(in)*len(out))
	for i, from := range in {
		for j, to := range out {
			if from <= to {
				mask[i*len(out)+j] = 1
			}
		}
	}
	return &MaskedLinear{Linear: nn.NewLinear(d, len(in), len(out), true, g), Mask: d.From(mask, len(in), len(out)).Keep()}
}

// Forward predicts the parameters [N, D·Params] of rows x [N, D] with a condition [N, C], which may be nil.
func (m *MADE) Forward(x, cond *tensor.Tensor) *tensor.Tensor {
	if cond != nil {
		x = tensor.Concat(1, cond, x) // [N, C + D]
	}
	for _, l := range m.Layers {
		x = l.Forward(x)
	}
	return x
}

// Visit implements [nn.Module]. The names are those of a sequence in which each ReLU is a layer, too.
func (m *MADE) Visit(path string, f func(nn.Param)) {
	for i, l := range m.Layers {
		l.Visit(nn.Join(path, strconv.Itoa(2*i)), f)
	}
}

// SetTraining implements [nn.Module].
func (m *MADE) SetTraining(bool) {}

// String implements [fmt.Stringer].
func (l *MaskedLinear) String() string {
	return fmt.Sprintf("MaskedLinear(%d → %d)", l.Weight.Dim(0), l.Weight.Dim(1))
}
