package export

import (
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// candidates are boxes [n, 4] with logits [n], by falling logit.
type candidates struct{ boxes, logits string }

// propose returns the proposals [R, 4] by falling score, for the logits and codes of the anchors of each map.
func (d *detector) propose(heads []string) string {
	p := d.config.Proposals
	var groups []candidates
	for k := range d.maps {
		groups = append(groups, d.best(k, heads[2*k], heads[2*k+1]))
	}
	if d.rules.Together {
		var boxes, logits []string
		for _, g := range groups {
			boxes, logits = append(boxes, g.boxes), append(logits, g.logits)
		}
		values, index := d.top(d.concat(0, logits...), int64(p.Before))
		groups = []candidates{{d.gather(d.concat(0, boxes...), index, 0), values}}
	}
	var boxes, scores []string
	for _, g := range groups {
		there := d.where(d.large(g.boxes, d.rules.LeastProposal))
		own, score := d.gather(g.boxes, there, 0), d.Op("Sigmoid", d.gather(g.logits, there, 0))
		chosen := d.Op("NonMaxSuppression", d.reshape(own, 1, -1, 4), d.reshape(score, 1, 1, -1), d.Ints(int64(p.After)), d.Floats([]float32{float32(p.NMS)}, 1))
		kept := d.entry(chosen, 2)
		boxes, scores = append(boxes, d.gather(own, kept, 0)), append(scores, d.gather(score, kept, 0))
	}
	_, index := d.top(d.concat(0, scores...), int64(p.After))
	return d.gather(d.concat(0, boxes...), index, 0)
}

// best returns the boxes of the anchors of map k with the highest logits.
func (d *detector) best(k int, logits, codes string) candidates {
	values, index := d.top(logits, int64(d.config.Proposals.Before))
	base := d.config.Anchors.Base(k)
	for i := range base {
		base[i].X1, base[i].Y1 = base[i].X1-d.rules.Last, base[i].Y1-d.rules.Last
	}
	shape, n := d.Op("Shape", d.maps[k]), d.Ints(int64(len(base)))
	rows, columns := d.size(shape, 2), d.size(shape, 3)
	cell := d.Op("Div", index, n)
	at := func(i, whole, places string) string { // pixels from the first place of a side to place i, [n, 1]
		return d.column(d.float(d.Op("Mul", i, d.Op("Div", whole, places))))
	}
	x, y := at(d.Op("Mod", cell, columns), d.width, columns), at(d.Op("Div", cell, columns), d.height, rows)
	own := d.gather(d.Floats(detect.Values(base), len(base), 4), d.Op("Mod", index, n), 0)
	boxes := d.decode(d.rules.AnchorCoder, d.gather(codes, index, 0), d.Op("Add", own, d.concat(1, x, y, x, y)))
	return candidates{d.clip(boxes, d.low, d.high), values}
}

// decode returns the boxes of codes [..., 4] relative to priors [..., 4].
func (d *detector) decode(c detect.Coder, codes, priors string) string {
	low, high := d.halves(priors)
	size := d.Op("Sub", high, low)
	move, grow := d.halves(d.Op("Mul", codes, d.Floats([]float32{
		float32(1 / c.Weights[0]), float32(1 / c.Weights[1]), float32(1 / c.Weights[2]), float32(1 / c.Weights[3]),
	}, 4)))
	if c.Clip != 0 {
		grow = d.Op("Min", grow, d.Float(c.Clip))
	}
	half := d.Float(0.5)
	centre := d.Op("Add", d.Op("Mul", d.Op("Add", low, high), half), d.Op("Mul", move, size))
	reach := d.Op("Mul", d.Op("Mul", d.Op("Exp", grow), size), half)
	return d.concat(-1, d.Op("Sub", centre, reach), d.Op("Add", centre, reach))
}

// read returns the bins [R, Width, size, size] of boxes [R, 4], each read in the map for its size.
func (d *detector) read(boxes string, size int) string {
	var sides []float32
	for _, s := range d.rules.Sides {
		sides = append(sides, float32(s))
	}
	low, high := d.halves(boxes)
	extent := d.Op("Sub", high, low)
	wide, tall := d.halves(extent)
	finer := d.Op("GreaterOrEqual", d.Op("Sqrt", d.Op("Mul", wide, tall)), d.Floats(sides, len(sides))) // [R, maps−1]
	level := d.Node("ReduceSum", []string{d.cast(finer, onnx.Int64), d.Ints(1)}, onnx.Attribute{Name: "keepdims", Value: int64(0)})
	align := d.config.Align(size)
	var bins, order []string
	for k := range d.rules.Strides {
		own := d.where(d.Op("Equal", level, d.Ints(int64(k))))
		picture := d.Op("Mul", own, d.Ints(0)) // there is one
		bins, order = append(bins, d.align(align, k, d.gather(boxes, own, 0), d.gather(extent, own, 0), picture)), append(order, own)
	}
	all := d.concat(0, order...)
	back := d.Nodes(2, "TopK", []string{all, d.Op("Shape", all)}, onnx.Attribute{Name: "largest", Value: int64(0)})[1] // where each region is
	return d.gather(d.concat(0, bins...), back, 0)
}

// align returns the bins of boxes in map k.
func (d *detector) align(a detect.ROIAlign, k int, boxes, extent, picture string) string {
	scale, mode := 1/float64(d.rules.Strides[k]), "output_half_pixel"
	sampling := a.Sampling
	if a.Corners {
		// A bin is one point, and the first and last are the corners: those are the centres of the outer bins of a larger region. Places are
		// half a place further down and right in that mode of RoiAlign.
		scale, mode, sampling = d.config.Scale(d.rules.Square/d.rules.Strides[k], d.rules.Square), "half_pixel", 1
		middle := d.Float(0.5 / scale)
		margin := d.Float(0)
		if a.Size > 1 {
			margin = d.Op("Mul", extent, d.Float(0.5/float64(a.Size-1)))
		}
		low, high := d.halves(boxes)
		boxes = d.concat(1, d.Op("Add", d.Op("Sub", low, margin), middle), d.Op("Add", d.Op("Add", high, margin), middle))
	}
	return d.Node("RoiAlign", []string{d.maps[k], boxes, picture}, onnx.Attribute{Name: "mode", Value: "avg"},
		onnx.Attribute{Name: "coordinate_transformation_mode", Value: mode}, onnx.Attribute{Name: "output_height", Value: int64(a.Size)},
		onnx.Attribute{Name: "output_width", Value: int64(a.Size)}, onnx.Attribute{Name: "sampling_ratio", Value: int64(sampling)},
		onnx.Attribute{Name: "spatial_scale", Value: float32(scale)})
}
