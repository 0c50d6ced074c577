package maskrcnn

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/mask"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// gains are what testdata/make_golden.py multiplies the weights of predictors by.
var gains = map[string]float64{
	"rpn.head.cls_logits": 0.5, "rpn.head.bbox_pred": 0.1, "roi_heads.box_predictor.cls_score": 0.5,
	"roi_heads.box_predictor.bbox_pred": 0.5, "roi_heads.mask_predictor.mask_fcn_logits": 0.5,
}

// config is that of the larger model of testdata/make_golden.py.
func config() Config {
	c := Torchvision("resnet18", 3)
	c.Pretrained, c.MinSide, c.MaxSide = true, 128, 400
	c.Proposals.Sampled, c.Boxes.Sampled, c.Boxes.MaxFound = maxCount, maxCount, 12
	c.Proposals.TrainBefore, c.Proposals.TrainAfter, c.Proposals.Before, c.Proposals.After = 60, 40, 60, 40
	return c
}

// computed returns a model with the weights of testdata/make_golden.py.
func computed(t *testing.T, d *tensor.Device, c Config) *Model {
	t.Helper()
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	var all []safetensors.Tensor
	for _, p := range nn.Params(m) {
		s := weights.Save(p)
		if len(s.F32) == 0 { // counts of batches
			all = append(all, s)
			continue
		}
		s.F32 = golden.Numbers(p.Path, len(s.F32))
		fan, gain := 1, 1.0
		for _, n := range s.Shape[1:] {
			fan *= n
		}
		if v, ok := gains[strings.TrimSuffix(p.Path, ".weight")]; ok {
			gain = v
		}
		for i, v := range s.F32 {
			switch {
			case len(s.Shape) > 1:
				s.F32[i] = v * float32(math.Sqrt(3/float64(fan))*gain)
			case strings.HasPrefix(p.Path, "backbone.body") && !strings.HasSuffix(p.Path, ".bias") && !strings.HasSuffix(p.Path, "running_mean"):
				s.F32[i] = 1 + 0.1*v
			default:
				s.F32[i] = 0.1 * v
			}
		}
		all = append(all, s)
	}
	if err := weights.Load(m, safetensors.NewFile("golden", all, nil), ""); err != nil {
		t.Fatal(err)
	}
	return m
}

// sizes are those of the pictures of testdata/make_golden.py, divided by half.
func sizes(half int) []Size { return []Size{{128 / half, 160 / half}, {128 / half, 144 / half}} }

// batch returns its pictures, padded to a multiple of 32 with what is 0 after normalization.
func batch(m *Model, half int) *tensor.Tensor {
	height, width := 128/half, (160/half+31)/32*32
	padding := m.Padding()
	values := make([]float32, 2*height*width*3)
	for i, size := range sizes(half) {
		own := golden.Numbers(fmt.Sprintf("picture %d", i), size.Height*size.Width*3)
		for y := range height {
			for x := range width {
				pixel := values[((i*height+y)*width+x)*3:][:3]
				if x < size.Width {
					copy(pixel, own[(y*size.Width+x)*3:])
				} else {
					copy(pixel, padding[:])
				}
			}
		}
	}
	return m.device.From(values, 2, height, width, 3)
}

// ellipse is the mask of an object that fills its box.
func ellipse(size Size, b detect.Box) mask.RLE {
	x, y, width, height := b.Center()
	pixels := make([]uint8, size.Width*size.Height)
	for i := range size.Height {
		for j := range size.Width {
			u, v := (float64(j)+0.5-x)/(width/2), (float64(i)+0.5-y)/(height/2)
			if u*u+v*v <= 1 {
				pixels[i*size.Width+j] = 1
			}
		}
	}
	m, err := mask.FromPixels(pixels, size.Width, size.Height)
	if err != nil {
		panic(err)
	}
	return m
}

func objects(half int) [][]Target {
	target := func(picture, class int, b detect.Box) Target {
		b = b.Scale(1/float64(half), 1/float64(half))
		return Target{Class: class, Box: b, Mask: ellipse(sizes(half)[picture], b)}
	}
	return [][]Target{
		{target(0, 0, detect.Box{X0: 20, Y0: 30, X1: 110, Y1: 100}), target(0, 2, detect.Box{X0: 90, Y0: 8, X1: 130, Y1: 60})},
		{target(1, 1, detect.Box{X0: 30, Y0: 20, X1: 120, Y1: 120})},
	}
}

// losses compares the five losses with torchvision's, and returns their sum.
func losses(t *testing.T, m *Model, half int, f *safetensors.File) *tensor.Tensor {
	t.Helper()
	m.SetTraining(true)
	l := m.Loss(batch(m, half), sizes(half), objects(half), tensor.NewGenerator(1))
	for stored, loss := range map[string]*tensor.Tensor{
		"loss_objectness": l.Objectness, "loss_rpn_box_reg": l.Proposals, "loss_classifier": l.Classification, "loss_box_reg": l.Boxes, "loss_mask": l.Masks,
	} {
		golden.Near(t, stored, loss.Values(), golden.Floats(t, f, stored), 1e-4)
	}
	return l.Sum()
}

// TestGradients compares losses and all gradients in float64, where nothing is rounded across a kink of ReLU.
func TestGradients(t *testing.T) {
	f, d := golden.Read(t, "testdata/tiny.safetensors"), gradcheck.Device(t)
	c := config()
	c.MinSide, c.Width, c.HeadWidth, c.MaskWidth = 64, 16, 32, 16
	m := computed(t, d, c)
	s := d.Record()
	defer s.End()
	losses(t, m, 2, f).Backward()
	golden.SampledGradients(t, m, f, func(string) float64 { return 1e-4 })
}

// TestTorchvision compares losses, the pyramid, proposals, boxes, scores and masks with torchvision's.
func TestTorchvision(t *testing.T) {
	f, d := golden.Read(t, "testdata/golden.safetensors"), golden.Device(t)
	m := computed(t, d, config())
	s := d.Scratch()
	losses(t, m, 1, f)
	s.End()
	m.SetTraining(false)
	x, sizes := batch(m, 1), sizes(1)
	s = d.Scratch()
	v := m.view(x, sizes)
	for i, p := range v.maps {
		var some []float32
		for k, value := range p.Values() {
			if k%97 == 0 {
				some = append(some, value)
			}
		}
		golden.Near(t, fmt.Sprintf("P%d", i+2), some, golden.Floats(t, f, fmt.Sprintf("p%d", i+2)), 1e-4)
	}
	for i, own := range m.propose(v) {
		golden.Near(t, "proposals", detect.Values(own), golden.Floats(t, f, fmt.Sprintf("proposals.%d", i)), 1e-4)
	}
	s.End()
	for i, found := range m.Detect(x, sizes) {
		var boxes []detect.Box
		var scores, labels, areas []float32
		for _, o := range found {
			boxes, scores, labels = append(boxes, o.Box), append(scores, float32(o.Score)), append(labels, float32(o.Class+1))
			pasted, err := o.Paste(sizes[i], 0.5)
			if err != nil {
				t.Fatal(err)
			}
			areas = append(areas, float32(pasted.Area()))
		}
		golden.Near(t, "boxes", detect.Values(boxes), golden.Floats(t, f, fmt.Sprintf("boxes.%d", i)), 1e-4)
		golden.Near(t, "scores", scores, golden.Floats(t, f, fmt.Sprintf("scores.%d", i)), 1e-4)
		golden.Near(t, "labels", labels, golden.Floats(t, f, fmt.Sprintf("labels.%d", i)), 0)
		golden.Near(t, "pixels of the masks", areas, golden.Floats(t, f, fmt.Sprintf("areas.%d", i)), 1e-3)
	}
}

func TestROIAlign(t *testing.T) {
	f, d := golden.Read(t, "testdata/golden.safetensors"), golden.Device(t)
	regions := []detect.Region{
		{Picture: 0, Box: detect.Box{X0: 3, Y0: 2, X1: 40, Y1: 30}}, {Picture: 1, Box: detect.Box{X0: -9, Y0: -5, X1: 12, Y1: 60}},
		{Picture: 0, Box: detect.Box{X0: 20, Y0: 10, X1: 20.5, Y1: 11}}, {Picture: 1, Box: detect.Box{X0: 0, Y0: 0, X1: 44, Y1: 36}},
	}
	for stored, a := range map[string]detect.ROIAlign{
		"roialign.False.-1": {Size: 3}, "roialign.False.2": {Size: 3, Sampling: 2}, "roialign.True.-1": {Size: 3, Aligned: true}, "roialign.True.2": {Size: 3, Sampling: 2, Aligned: true},
	} {
		s := d.Record()
		x := d.From(golden.Numbers("roialign", 2*9*11*5), 2, 9, 11, 5)
		x.SetRequiresGrad(true)
		y := a.Features([]*tensor.Tensor{x}, []float64{0.25}, regions)
		golden.Near(t, stored, y.Values(), golden.Floats(t, f, stored), 1e-5)
		y.Mul(d.From(golden.Numbers("upstream", y.Len()), y.Shape()...)).Sum().Backward()
		golden.Near(t, "gradient of "+stored, x.Grad().Values(), golden.Floats(t, f, stored+".grad"), 1e-5)
		s.End()
	}
}
