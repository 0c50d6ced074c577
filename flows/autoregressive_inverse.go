package flows

import (
	"slices"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// unitPlan is a masked network whose units are sorted by degree, so that those of a degree follow each other, behind all that
// they depend on.
type unitPlan struct {
	layers []plannedLayer
	order  []int // columns by position
	inputs int   // columns of the condition
}

// plannedLayer is a layer of a unitPlan.
type plannedLayer struct {
	weight, bias *tensor.Tensor // [in, out] with the mask applied, and [out]; inputs and outputs are sorted
	ends         []int          // units of degree up to t are those before ends[t], for t = 0 … D
	act          kernel.Activation
}

// inverseByUnits computes x column by column, and each unit of the network when its degree is reached, without gradients.
func (a *Autoregressive) inverseByUnits(z, cond *tensor.Tensor) (x, logSlope *tensor.Tensor) {
	d, n, dim, params := z.Device(), z.Dim(0), z.Dim(1), a.Map.Params()
	p := a.Net.plan(cond)
	input := engine.Empty(d, n, p.inputs+dim) // [N, C + D], columns by position
	if cond != nil {
		copyColumns(input, 0, cond, 0, cond.Dim(1))
	}
	units := make([]*tensor.Tensor, len(p.layers)) // [N, units by degree]
	for i, l := range p.layers {
		units[i] = engine.Empty(d, n, l.weight.Dim(1))
	}
	columns, slopes := make([]*tensor.Tensor, dim), make([]*tensor.Tensor, dim)
	for t, column := range p.order { // columns at positions 0 to t−1 are known
		below, known := input, p.inputs+t
		for i, l := range p.layers {
			from, to := 0, l.ends[t]
			if t > 0 {
				from = l.ends[t-1]
			}
			l.block(below, known, units[i], from, to)
			below, known = units[i], to
		}
		own := engine.Empty(d, n, params)
		copyColumns(own, 0, below, t*params, params)
		columns[column], slopes[column] = a.Map.Apply(z.Slice(1, column, column+1), own, true) // [N, 1]
		copyColumns(input, p.inputs+t, columns[column], 0, 1)
	}
	return tensor.Concat(1, columns...), tensor.Concat(1, slopes...)
}

// block computes units [from, to) of a layer from the first known columns of x.
func (l *plannedLayer) block(x *tensor.Tensor, known int, y *tensor.Tensor, from, to int) {
	if from == to {
		return
	}
	d := x.Device()
	n, width := x.Dim(0), y.Dim(1)
	k, weight, bias := engine.Kernels(d), engine.Data(l.weight), engine.Data(l.bias)
	k.Gemm(kernel.Gemm{M: n, N: to - from, K: known, LdA: x.Dim(1), LdB: width, LdC: width, Act: l.act},
		engine.Data(x), weight.Slice(from, weight.Len-from), bias.Slice(from, to-from),
		engine.Data(y).Slice(from, n*width-from))
}

// copyColumns copies count columns of src [N, …] to dst [N, …].
func copyColumns(dst *tensor.Tensor, to int, src *tensor.Tensor, from, count int) {
	engine.Kernels(dst.Device()).Copy(kernel.Strided{
		Rank: 2, Shape: kernel.Dims{dst.Dim(0), count}, OffsetDst: to, OffsetSrc: from,
		StrideDst: kernel.Dims{dst.Dim(1), 1}, StrideSrc: kernel.Dims{src.Dim(1), 1},
	}, engine.Data(dst), engine.Data(src))
}

// plan sorts the units of the network by their degrees, which follow from the masks.
func (m *MADE) plan(cond *tensor.Tensor) unitPlan {
	p := unitPlan{order: make([]int, m.dim)}
	for column, position := range m.order {
		p.order[position-1] = column
	}
	degrees := []int{}
	if cond != nil {
		p.inputs = cond.Dim(1)
		degrees = slices.Repeat([]int{0}, p.inputs)
	}
	degrees = append(degrees, m.order...)
	sorted := byDegree(degrees)
	for i, l := range m.Layers {
		var own []int
		act := kernel.ActNone
		if i < len(m.Layers)-1 {
			own, act = l.degrees(degrees), kernel.ActReLU
		} else {
			for _, position := range m.order {
				own = append(own, slices.Repeat([]int{position - 1}, m.params)...)
			}
		}
		outputs := byDegree(own)
		d := l.Weight.Device()
		p.layers = append(p.layers, plannedLayer{
			weight: l.Weight.Mul(l.Mask).Gather(0, d.Ints(sorted)).Gather(1, d.Ints(outputs)),
			bias:   l.Bias.Gather(0, d.Ints(outputs)), ends: endsOf(own, m.dim), act: act,
		})
		degrees, sorted = own, outputs
	}
	return p
}

// degrees returns the degree of each unit: the highest of those that its mask lets through, 0 if it lets none.
func (l *MaskedLinear) degrees(of []int) []int {
	mask, out := l.Mask.Values(), l.Mask.Dim(1)
	degrees := make([]int, out)
	for i, degree := range of {
		for j, kept := range mask[i*out : (i+1)*out] {
			if kept != 0 {
				degrees[j] = max(degrees[j], degree)
			}
		}
	}
	return degrees
}

// byDegree returns the numbers of units sorted by their degrees.
func byDegree(degrees []int) []int32 {
	order := make([]int32, len(degrees))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return degrees[a] - degrees[b] })
	return order
}

// endsOf returns how many units have a degree up to t, for t = 0 … dim.
func endsOf(degrees []int, dim int) []int {
	ends := make([]int, dim+1)
	for _, degree := range degrees {
		ends[degree]++
	}
	for t := 1; t <= dim; t++ {
		ends[t] += ends[t-1]
	}
	return ends
}
