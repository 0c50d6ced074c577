package export

import (
	"github.com/bestiary-ml/bestiary/internal/onnx"
	"github.com/bestiary-ml/bestiary/internal/onnx/trace"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// maskDetection is the function of a Mask R-CNN. Its graph is not traced as a whole, as the choice of regions depends on numbers: the
// networks are traced, and what chooses regions between them is written node by node.
type maskDetection struct{ model *maskrcnn.Model }

func ofMaskRCNN(m *maskrcnn.Model) []maskDetection { return []maskDetection{{m}} }

func (maskDetection) title() (name, doc string) {
	return "detect", "a picture to the objects in it, by falling score"
}

// graph writes the graph of the model, which was built on the tracer's device.
func (w maskDetection) graph(t *trace.Tracer, _ nn.Module) (*onnx.Graph, error) {
	parts, err := networksOf(w.model, t)
	if err != nil {
		return nil, err
	}
	d := &detector{Builder: &onnx.Builder{Graph: onnx.Graph{Name: "detect"}}, networks: *parts, config: w.model.Config(), rules: w.model.Rules()}
	d.write(w.model.Padding())
	d.Graph.Prune()
	return &d.Graph, nil
}

// networks are the graphs of the networks of a Mask R-CNN.
type networks struct{ trunk, boxes, masks *onnx.Graph }

// networksOf traces the networks of a model that was built on the tracer's device.
func networksOf(m *maskrcnn.Model, t *trace.Tracer) (n *networks, err error) {
	c := m.Config()
	first := func(x *tensor.Tensor) *tensor.Tensor { return x.Permute(0, 3, 1, 2) } // channels first
	n = &networks{}
	n.trunk, err = t.Graph("trunk", m, func(g *trace.Graph) {
		maps := m.Maps(g.Picture("padded", "", m.Rules().Square, 3))
		for _, x := range maps {
			g.Output("map", "", first(x)) // [1, Width, h, w]
		}
		for _, x := range maps {
			logits, codes := m.ProposeIn(x)
			g.Output("logits", "", logits.Reshape(-1))  // [anchors]
			g.Output("codes", "", codes.Reshape(-1, 4)) // [anchors, 4]
		}
	})
	if err != nil {
		return nil, err
	}
	bins := func(g *trace.Graph, size int) *tensor.Tensor { // [R, Width, size, size] → [R·size², Width]
		return g.Floats("bins", "", trace.N, c.Width, size, size).Permute(0, 2, 3, 1).Reshape(-1, c.Width)
	}
	n.boxes, err = t.Graph("boxes", m, func(g *trace.Graph) {
		logits, codes := m.BoxesOf(bins(g, c.Boxes.Size))
		g.Output("probabilities", "", logits.Softmax(1))
		g.Output("codes", "", codes)
	})
	if err != nil {
		return nil, err
	}
	n.masks, err = t.Graph("masks", m, func(g *trace.Graph) {
		g.Output("logits", "", first(m.MasksOf(bins(g, c.MaskSize)))) // [R, classes+1, side, side]
	})
	return n, err
}

// detector writes the graph of a Mask R-CNN. Boxes are x0, y0, x1, y1 in pixels of the padded picture.
type detector struct {
	*onnx.Builder
	networks
	config maskrcnn.Config
	rules  maskrcnn.Rules

	height, width string   // of the padded picture, [1]
	maps          []string // P2 to P6
	low, high     string   // corners of what proposals don't leave, [4] each
	from, to      string   // of what detections don't leave
}

// write writes the whole graph, for a model that fills pictures up with a colour.
func (d *detector) write(colour [3]float32) {
	images := d.Input(onnx.Value{
		Name: "images", Doc: "one picture, channels last, values in [-1, 1], resized for the model", Type: onnx.Float,
		Dims: []onnx.Dim{{Size: 1}, {Name: "H"}, {Name: "W"}, {Size: 3}},
	})
	padded, corner := d.pad(images, colour)
	out := d.Call(d.trunk, padded)
	d.maps = out[:len(out)/3]
	proposals := d.propose(out[len(d.maps):])
	boxes, labels, scores := d.find(proposals)
	logits := d.Call(d.masks, d.read(boxes, d.config.MaskSize))[0]
	own := d.Node("GatherND", []string{logits, d.column(labels)}, onnx.Attribute{Name: "batch_dims", Value: int64(1)}) // [D, side, side]
	if d.rules.Square > 0 {
		boxes = d.Op("Sub", boxes, d.Op("Add", corner, d.Floats([]float32{0, 0, float32(-d.rules.Last), float32(-d.rules.Last)}, 4)))
	}
	found, side := onnx.Dim{Name: "D"}, onnx.Dim{Size: 2 * d.config.MaskSize}
	d.Output(boxes, onnx.Value{Name: "boxes", Doc: "x0, y0, x1, y1 in pixels of the picture", Type: onnx.Float, Dims: []onnx.Dim{found, {Size: 4}}})
	d.Output(labels, onnx.Value{Name: "labels", Doc: "classes, counted from 1", Type: onnx.Int64, Dims: []onnx.Dim{found}})
	d.Output(scores, onnx.Value{Name: "scores", Doc: "probabilities of the classes", Type: onnx.Float, Dims: []onnx.Dim{found}})
	d.Output(d.Op("Sigmoid", own), onnx.Value{Name: "masks", Doc: "probabilities of the pixels of the mask inside the box", Type: onnx.Float, Dims: []onnx.Dim{found, side, side}})
}

// pad puts a picture in its place in a larger one, and returns that and the place of the picture's first pixel, [4] as two corners.
func (d *detector) pad(images string, colour [3]float32) (padded, corner string) {
	sizes := d.Op("Shape", images)
	height, width, zero := d.size(sizes, 1), d.size(sizes, 2), d.Ints(0)
	top, left := zero, zero
	if s := int64(d.rules.Square); s > 0 {
		d.height, d.width = d.Ints(s), d.Ints(s)
		top, left = d.Op("Div", d.Op("Sub", d.height, height), d.Ints(2)), d.Op("Div", d.Op("Sub", d.width, width), d.Ints(2))
	} else {
		up := func(n string) string { // to a multiple of 32
			return d.Op("Mul", d.Op("Div", d.Op("Add", n, d.Ints(31)), d.Ints(32)), d.Ints(32))
		}
		d.height, d.width = up(height), up(width)
	}
	after := func(whole, size, before string) string { return d.Op("Sub", d.Op("Sub", whole, size), before) }
	pads := d.concat(0, zero, top, left, zero, zero, after(d.height, height, top), after(d.width, width, left), zero)
	shift := d.Floats(colour[:], 3)
	padded = d.Op("Add", d.Op("Pad", d.Op("Sub", images, shift), pads), shift) // with the colour as 0
	corner = d.float(d.concat(0, left, top, left, top))
	picture := d.float(d.concat(0, width, height, width, height))
	if s := float32(d.rules.Square); s > 0 {
		last := float32(d.rules.Last)
		d.low, d.high = d.Floats(make([]float32, 4), 4), d.Floats([]float32{s - last, s - last, s - last, s - last}, 4)
		d.from, d.to = corner, d.Op("Sub", d.Op("Add", corner, picture), d.Floats([]float32{last, last, last, last}, 4))
	} else {
		d.low, d.high = d.Floats(make([]float32, 4), 4), picture
		d.from, d.to = d.low, d.high
	}
	return padded, corner
}
