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
	order  []int          // columns by position
	back   *tensor.Tensor // positions by column, [D]
	inputs int            // columns of the condition
	frozen []uint64       // identifies the weights; nil if they may change
}

// plannedLayer is a layer of a unitPlan.
type plannedLayer struct {
	weight, bias *tensor.Tensor // [in, out] with the mask applied, and [out]; inputs and outputs are sorted
	ends         []int          // units of degree up to t are those before ends[t], for t = 0 … D
	act          kernel.Activation
}

// inverseByUnits computes x column by column, and each unit of the network when its degree is reached, without gradients.
func (a *Autoregressive) inverseByUnits(z, cond *tensor.Tensor) (x, logSlope *tensor.Tensor) {
	d, n, dim := z.Device(), z.Dim(0), z.Dim(1)
	p := a.Net.planned(cond)
	input := engine.Empty(d, n, p.inputs+dim) // [N, C + D], columns by position
	if cond != nil {
		copyColumns(input, 0, cond, 0, cond.Dim(1))
	}
	units := make([]*tensor.Tensor, len(p.layers)) // [N, units by degree]
	for i, l := range p.layers {
		units[i] = engine.Empty(d, n, l.weight.Dim(1))
	}
	logSlope = engine.Empty(d, n, dim) // by position
	invert := a.inverter(z, units[len(units)-1], input, logSlope)
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
		invert(column, t, p.inputs+t)
	}
	return input.Slice(1, p.inputs, p.inputs+dim).Gather(1, p.back), logSlope
}

// inverter returns a function that inverts the map of a column of z [N, D]. It takes the parameters of position t from params, and
// writes the result to column at of input, and the logarithm of its derivative to column t of logSlope.
func (a *Autoregressive) inverter(z, params, input, logSlope *tensor.Tensor) func(column, t, at int) {
	d, n, each := z.Device(), z.Dim(0), a.Map.Params()
	if affine, ok := a.Map.(Affine); ok && engine.AffineMaps(d) != nil {
		maps := engine.AffineMaps(d)
		m := kernel.AffineMap{
			Rows: n, Cols: 1, Clip: affine.Clip, Inverse: true,
			LdX: z.Dim(1), LdParams: params.Dim(1), LdY: input.Dim(1), LdSlope: logSlope.Dim(1),
		}
		return func(column, t, at int) { // in place, without copies
			maps.AffineMap(m, from(z, column), from(params, t*each), from(input, at), from(logSlope, t))
		}
	}
	return func(column, t, at int) {
		own := engine.Empty(d, n, each)
		copyColumns(own, 0, params, t*each, each)
		x, slope := a.Map.Apply(z.Slice(1, column, column+1), own, true) // [N, 1]
		copyColumns(input, at, x, 0, 1)
		copyColumns(logSlope, t, slope, 0, 1)
	}
}

// from returns the elements of t from the first one of a column on.
func from(t *tensor.Tensor, column int) kernel.Buffer {
	return engine.Data(t).Slice(column, t.Len()-column)
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

// planned returns the plan of the network. It is kept as long as all weights are frozen.
func (m *MADE) planned(cond *tensor.Tensor) *unitPlan {
	frozen := m.frozen()
	if m.kept != nil && frozen != nil && slices.Equal(frozen, m.kept.frozen) {
		return m.kept
	}
	p := m.plan(cond)
	if m.kept = nil; frozen != nil {
		p.keep()
		p.frozen, m.kept = frozen, p
	}
	return p
}

// frozen returns numbers that identify the weights and masks; nil if one of them may change.
func (m *MADE) frozen() (all []uint64) {
	for _, l := range m.Layers {
		for _, t := range []*tensor.Tensor{l.Weight, l.Bias, l.Mask} {
			number := engine.Constant(t)
			if number == 0 {
				return nil
			}
			all = append(all, number)
		}
	}
	return all
}

// keep moves the plan's tensors out of the current step.
func (p *unitPlan) keep() {
	p.back = p.back.Keep()
	for i := range p.layers {
		p.layers[i].weight, p.layers[i].bias = p.layers[i].weight.Keep(), p.layers[i].bias.Keep()
	}
}

// plan sorts the units of the network by their degrees, which follow from the masks.
func (m *MADE) plan(cond *tensor.Tensor) *unitPlan {
	p := &unitPlan{order: make([]int, m.dim)}
	back := make([]int32, m.dim)
	for column, position := range m.order {
		p.order[position-1], back[column] = column, int32(position-1)
	}
	p.back = m.Layers[0].Weight.Device().Ints(back)
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
