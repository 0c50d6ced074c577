package export

import "github.com/bestiary-ml/bestiary/internal/onnx"

// find returns the boxes [D, 4], labels [D] and scores [D] of the objects among the proposals [R, 4], by falling score.
func (d *detector) find(proposals string) (boxes, labels, scores string) {
	c, classes := d.config.Boxes, int64(d.config.Classes)
	out := d.Call(d.networks.boxes, d.read(proposals, c.Size))
	probabilities, codes := out[0], out[1] // [R, classes+1] and [R, classes+1, 4], the background first
	objects := func(x string) string { return d.Op("Slice", x, d.Ints(1), d.Ints(classes+1), d.Ints(1)) }
	all := d.clip(d.decode(d.rules.BoxCoder, objects(codes), d.reshape(proposals, -1, 1, 4)), d.from, d.to) // [R, classes, 4]
	score := objects(probabilities)                                                                         // [R, classes]

	var likely string
	if d.rules.MostProbable {
		class := make([]int64, classes)
		for i := range class {
			class[i] = int64(i + 1)
		}
		most := d.Node("ArgMax", []string{probabilities}, onnx.Attribute{Name: "axis", Value: int64(1)}) // [R, 1]
		likely = d.Op("And", d.Op("GreaterOrEqual", score, d.Float(c.MinScore)), d.Op("Equal", most, d.Ints(class...)))
	} else {
		likely = d.Op("Greater", score, d.Float(c.MinScore))
	}
	score = d.Op("Where", d.Op("And", likely, d.large(all, d.rules.LeastDetection)), score, d.Float(-1))

	// NonMaxSuppression has boxes for each picture, which all classes share. Here each class has its own, so classes take the place of
	// pictures.
	ofClass := func(x string, order ...int64) string {
		return d.Node("Transpose", []string{x}, onnx.Attribute{Name: "perm", Value: order})
	}
	chosen := d.Op("NonMaxSuppression", ofClass(all, 1, 0, 2), d.Op("Unsqueeze", ofClass(score, 1, 0), d.Ints(1)),
		d.Ints(int64(c.MaxFound)), d.Floats([]float32{float32(c.NMS)}, 1), d.Floats([]float32{0}, 1))
	key := d.Op("Add", d.Op("Mul", d.entry(chosen, 2), d.Ints(classes)), d.entry(chosen, 0)) // by proposal and class, the order of equal scores
	key = d.Nodes(2, "TopK", []string{key, d.Op("Shape", key)}, onnx.Attribute{Name: "largest", Value: int64(0)})[0]
	scores, index := d.top(d.gather(d.reshape(score, -1), key, 0), int64(c.MaxFound))
	key = d.gather(key, index, 0)
	return d.gather(d.reshape(all, -1, 4), key, 0), d.Op("Add", d.Op("Mod", key, d.Ints(classes)), d.Ints(1)), scores
}

// large tells which boxes [..., 4] have both sides of at least the given number of pixels.
func (d *detector) large(boxes string, least float64) string {
	low, high := d.halves(boxes)
	shorter := d.Node("ReduceMin", []string{d.Op("Sub", high, low)}, onnx.Attribute{Name: "axes", Value: []int64{-1}}, onnx.Attribute{Name: "keepdims", Value: int64(0)})
	return d.Op("GreaterOrEqual", shorter, d.Float(least))
}

// clip returns what of boxes is between two corners.
func (d *detector) clip(boxes, low, high string) string {
	return d.Op("Min", d.Op("Max", boxes, low), high)
}

// top returns the n largest of a vector, or all of a shorter one, and where they are.
func (d *detector) top(x string, n int64) (values, index string) {
	out := d.Nodes(2, "TopK", []string{x, d.Op("Min", d.Op("Shape", x), d.Ints(n))})
	return out[0], out[1]
}

// where returns where a vector is true.
func (d *detector) where(x string) string { return d.reshape(d.Op("NonZero", x), -1) }

// entry returns entry i of each row of three.
func (d *detector) entry(rows string, i int64) string {
	return d.reshape(d.gather(rows, d.Ints(i), 1), -1)
}

// size returns dimension i of a shape, [1].
func (d *detector) size(shape string, i int64) string { return d.gather(shape, d.Ints(i), 0) }

// halves returns the first and the last half of the last dimension.
func (d *detector) halves(x string) (first, last string) {
	out := d.Nodes(2, "Split", []string{x}, onnx.Attribute{Name: "axis", Value: int64(-1)})
	return out[0], out[1]
}

// column makes a vector [n, 1].
func (d *detector) column(x string) string { return d.reshape(x, -1, 1) }

func (d *detector) reshape(x string, shape ...int64) string {
	return d.Op("Reshape", x, d.Ints(shape...))
}

func (d *detector) gather(x, index string, axis int64) string {
	return d.Node("Gather", []string{x, index}, onnx.Attribute{Name: "axis", Value: axis})
}

func (d *detector) concat(axis int64, parts ...string) string {
	return d.Node("Concat", parts, onnx.Attribute{Name: "axis", Value: axis})
}

func (d *detector) cast(x string, to onnx.Type) string {
	return d.Node("Cast", []string{x}, onnx.Attribute{Name: "to", Value: int64(to)})
}

func (d *detector) float(x string) string { return d.cast(x, onnx.Float) }
