package ssd

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestPresets compares the priors of SSD300 with those of package detect, and looks at other sizes.
func TestPresets(t *testing.T) {
	for name, test := range map[string]struct {
		c    Config
		want detect.DefaultBoxes
	}{"voc": {VOC(VGG16, 300, 20), detect.SSD300(false)}, "coco": {Torchvision(90), detect.SSD300(true)}} {
		if !slices.Equal(test.c.Priors.Scales, test.want.Scales) || !slices.Equal(test.c.Priors.Steps, test.want.Steps) {
			t.Errorf("%s: %+v, want %+v", name, test.c.Priors, test.want)
		}
		all, err := test.c.priors(test.c.Grids())
		if err != nil || len(all) != 8732 || test.c.Validate() != nil {
			t.Errorf("%s: %d priors, %v, %v", name, len(all), err, test.c.Validate())
		}
	}
	for side, maps := range map[int]int{32: 3, 96: 4, 128: 5, 160: 5, 300: 6, 512: 6} {
		for _, c := range []Config{VOC(Small, side, 3), COCO(Small, side, 1)} {
			if err := c.Validate(); err != nil || c.Maps() != maps || len(c.Priors.Scales) != maps+1 {
				t.Errorf("%d pixels: %v, %v", side, c.Priors, err)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	for field, change := range map[string]func(c *Config){
		"Backbone":       func(c *Config) { c.Backbone = "resnet1" },
		"Pretrained":     func(c *Config) { c.Pretrained = true },
		"ImageSize":      func(c *Config) { c.ImageSize = 16 },
		"Classes":        func(c *Config) { c.Classes = 0 },
		"Frozen":         func(c *Config) { c.Frozen = 6 },
		"MatchIoU":       func(c *Config) { c.MatchIoU = math.NaN() },
		"Negatives":      func(c *Config) { c.Negatives = -1 },
		"EmptyNegatives": func(c *Config) { c.EmptyNegatives = -1 },
		"Regression":     func(c *Config) { c.Regression = "l2" },
		"MinScore":       func(c *Config) { c.MinScore = 2 },
		"NMS":            func(c *Config) { c.NMS = -0.1 },
		"TopK":           func(c *Config) { c.TopK = 0 },
		"MaxFound":       func(c *Config) { c.MaxFound = 0 },
		"Scales":         func(c *Config) { c.Priors.Scales = nil },
		"AspectRatios": func(c *Config) {
			c.Priors.AspectRatios, c.Priors.Scales = c.Priors.AspectRatios[:2], c.Priors.Scales[:3]
		},
	} {
		c := VOC(Small, 96, 3)
		change(&c)
		var wrong *fault.FieldError
		if err := c.Validate(); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := New(nil, VOC(Small, 96, 3), nil); err == nil {
		t.Error("no device")
	}
	if _, err := New(golden.CPU(t), Config{}, tensor.NewGenerator(1)); err == nil {
		t.Error("no configuration")
	}
}

// scene draws a bright square at a place in a dark picture.
func scene(side, x, y, size int) []float32 {
	p := make([]float32, side*side*3)
	for i := range p {
		p[i] = -0.5
	}
	for r := y; r < y+size; r++ {
		for c := x; c < x+size; c++ {
			p[(r*side+c)*3] = 1
		}
	}
	return p
}

// TestLearns trains on two scenes, one of them twice, with each loss of the boxes, and finds the objects.
func TestLearns(t *testing.T) {
	const side = 64
	objects := [][]boxes.Object{
		{{Class: 0, Box: boxes.FromSize(8, 12, 20, 20)}}, {{Class: 1, Box: boxes.FromSize(24, 8, 32, 32)}}, nil,
	}
	pixels := append(append(scene(side, 8, 12, 20), scene(side, 24, 8, 32)...), scene(side, 0, 0, 0)...)
	for _, regression := range []string{SmoothL1, GIoU, DIoU, CIoU} {
		t.Run(regression, func(t *testing.T) {
			d := golden.Device(t)
			c := VOC(Small, side, 2)
			c.Regression = regression
			m, err := New(d, c, tensor.NewGenerator(1))
			if err != nil {
				t.Fatal(err)
			}
			adam := golden.NewAdam(d, m, 3e-3, 0.999, 0)
			for range 60 {
				s := d.Record()
				loss, _ := m.Loss(d.From(pixels, 3, side, side, 3), objects)
				loss.Backward()
				s.End()
				adam.Step()
				nn.ZeroGrad(m)
			}
			m.SetTraining(false)
			found := m.Detect(d.From(pixels, 3, side, side, 3))
			for i, own := range objects[:2] {
				if len(found[i]) == 0 {
					t.Fatalf("nothing found in picture %d", i)
				}
				best, want := found[i][0], own[0]
				if best.Class != want.Class || best.Score < 0.5 || best.Box.Scale(side, side).IoU(want.Box) < 0.7 {
					t.Errorf("found %+v, want %+v", best, want)
				}
			}
			if len(found[2]) > 0 && found[2][0].Score > 0.5 {
				t.Errorf("found %+v in an empty picture", found[2][0])
			}
		})
	}
}

// TestFrozen checks that frozen stages get no gradient and are not counted as trainable.
func TestFrozen(t *testing.T) {
	d := golden.CPU(t)
	c := VOC(Small, 32, 1)
	whole, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	c.Frozen = 2
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := len(nn.Trainable(whole)), len(nn.Trainable(m)); b != a-3-9 || len(nn.Params(m)) != a {
		t.Errorf("%d of %d parameters are trained", b, a)
	}
	s := d.Record()
	defer s.End()
	loss, parts := m.Loss(d.From(scene(32, 4, 4, 16), 1, 32, 32, 3), [][]boxes.Object{{{Box: boxes.FromSize(4, 4, 16, 16)}}})
	loss.Backward()
	for _, p := range nn.Params(m) {
		if (p.Tensor.Grad() != nil) != p.Trainable {
			t.Errorf("%s: gradient %v, trainable %t", p.Path, p.Tensor.Grad() != nil, p.Trainable)
		}
	}
	if parts.Matched < 1 {
		t.Error("no prior is matched")
	}
}

// TestNegatives counts the priors that take part in the loss.
func TestNegatives(t *testing.T) {
	d := golden.CPU(t)
	m, err := New(d, VOC(Small, 32, 1), tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	x := d.Zeros(3, 32, 32, 3)
	objects := [][]boxes.Object{{{Box: boxes.FromSize(2, 2, 12, 12)}}, nil, {{Box: boxes.FromSize(2, 2, 12, 12), Crowd: true}}}
	logits, _ := m.Forward(x)
	targets := m.match(objects)
	loss := make([]float32, len(targets.labels))
	for i := range loss {
		loss[i] = float32(i % 7)
	}
	p, counts := logits.Dim(1), [3]int{}
	for i, v := range m.choose(loss, targets) {
		counts[i/p] += int(v)
		if v == 1 && targets.labels[i] == 0 && loss[i] < 6 {
			t.Errorf("prior %d of loss %v is a hard negative", i%p, loss[i])
		}
	}
	if want := [3]int{4 * targets.counts[0], 3, 3}; counts != want {
		t.Errorf("%v priors take part, want %v", counts, want)
	}
	for _, o := range []boxes.Object{{Class: 1, Box: boxes.FromSize(0, 0, 1, 1)}, {Class: -1, Box: boxes.FromSize(0, 0, 1, 1)}, {}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v is accepted", o)
				}
			}()
			m.match([][]boxes.Object{{o}})
		}()
	}
}

// TestNet builds a detector on a network of package backbone and copies its weights.
func TestNet(t *testing.T) {
	d := golden.CPU(t)
	c := VOC("efficientnet-lite0", 64, 2)
	c.Pretrained = true
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	b, err := backbone.New(d, c.Backbone)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range nn.Trainable(b) {
		p.Tensor.Set(golden.Numbers(p.Path, p.Tensor.Len()))
	}
	if err := m.SetBackbone(b); err != nil {
		t.Fatal(err)
	}
	copied := map[string]*tensor.Tensor{}
	for _, p := range nn.Params(m) {
		copied[p.Path] = p.Tensor
	}
	b.VisitStages("backbone.body", func(p nn.Param) {
		if !p.Tensor.IsInts() && !slices.Equal(p.Tensor.Values(), copied[p.Path].Values()) {
			t.Errorf("%s is not copied", p.Path)
		}
	})
	s := d.Scratch()
	defer s.End()
	logits, codes := m.Forward(d.Zeros(2, 64, 64, 3))
	if logits.Dim(1) != codes.Dim(1) || logits.Dim(2) != 3 || codes.Dim(2) != 4 || !slices.Equal(m.grids, c.Grids()) {
		t.Errorf("logits %v, codes %v, maps %v", logits.Shape(), codes.Shape(), m.grids)
	}
	other, err := New(d, VOC(Small, 64, 2), tensor.NewGenerator(1))
	if err != nil || other.SetBackbone(b) == nil {
		t.Errorf("weights of another network are accepted, %v", err)
	}
}

// TestRandomNet trains a network of package backbone from initial weights, of which the first two stages are frozen.
func TestRandomNet(t *testing.T) {
	d := golden.CPU(t)
	c := VOC("mobilenet_v2", 64, 2)
	c.Frozen = 2
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	m.SetTraining(true)
	s := d.Record()
	defer s.End()
	x := append(scene(64, 8, 12, 20), scene(64, 24, 8, 32)...)
	loss, _ := m.Loss(d.From(x, 2, 64, 64, 3), [][]boxes.Object{{{Box: boxes.FromSize(8, 12, 20, 20)}}, {{Class: 1, Box: boxes.FromSize(24, 8, 32, 32)}}})
	loss.Backward()
	frozen := 0
	for _, p := range nn.Params(m) {
		if p.Tensor.IsInts() || strings.Contains(p.Path, "running_") {
			continue
		}
		if (p.Tensor.Grad() != nil) != p.Trainable {
			t.Errorf("%s: gradient %v, trainable %t", p.Path, p.Tensor.Grad() != nil, p.Trainable)
		}
		if !p.Trainable {
			frozen++
		}
	}
	if frozen == 0 || math.IsNaN(loss.Item()) {
		t.Errorf("%d parameters are frozen, loss %v", frozen, loss.Item())
	}
}

// TestVGGBackbone compares the features of a picture of even colour with those of the network whose weights are copied.
func TestVGGBackbone(t *testing.T) {
	d := golden.CPU(t)
	b, err := backbone.New(d, VGG16) // NewRandom would draw 138 million weights
	if err != nil {
		t.Fatal(err)
	}
	b.VisitFirstStages("", 1, func(p nn.Param) {
		p.Tensor.Set(golden.Numbers(p.Path, p.Tensor.Len()))
	})
	m := newVGG(d, 0, tensor.NewGenerator(1))
	c := VOC(VGG16, 48, 1)
	if err := (&Model{config: c, trunk: m}).SetBackbone(b); err != nil {
		t.Fatal(err)
	}
	s := d.Scratch()
	defer s.End()
	x := d.From(golden.Numbers("picture", 48*48*3), 1, 48, 48, 3)
	first := m.blocks[0][0].Forward(x.Mul(m.scale).Add(m.shift)) // [1, 48, 48, 64]
	var weight, bias *tensor.Tensor
	b.VisitFirstStages("", 1, func(p nn.Param) {
		switch p.Path {
		case "features.0.weight":
			weight = p.Tensor
		case "features.0.bias":
			bias = p.Tensor
		}
	})
	normal := x.AddScalar(1).Scale(0.5).Sub(d.From([]float32{0.485, 0.456, 0.406}, 3)).Div(d.From([]float32{0.229, 0.224, 0.225}, 3))
	want := normal.Conv2d(weight, bias, rectified(tensor.StridePad(1, 1)))
	inner := func(t *tensor.Tensor) []float32 { return t.Slice(1, 1, 47).Slice(2, 1, 47).Values() } // without padding
	golden.Near(t, "conv1_1", inner(first), inner(want), 1e-5)
}
