package detect

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/tensor"
)

// reference opens torchvision's values.
func reference(t testing.TB) *safetensors.File { return golden.Read(t, "testdata/golden.safetensors") }

func boxesOf(t testing.TB, f *safetensors.File, name string) []Box {
	return FromValues(golden.Floats(t, f, name))
}

func indices(t testing.TB, f *safetensors.File, name string) []int {
	t.Helper()
	var all []int
	for _, i := range golden.Ints(t, f, name) {
		all = append(all, int(i))
	}
	return all
}

func TestMeasures(t *testing.T) {
	f := reference(t)
	a, b := boxesOf(t, f, "a"), boxesOf(t, f, "b")
	for name, measure := range map[string]func(a, b Box) float64{"iou": IoU, "giou": GIoU, "diou": DIoU, "ciou": CIoU} {
		var got []float32
		for _, row := range Pairwise(measure, a, b) {
			for _, v := range row {
				got = append(got, float32(v))
			}
		}
		golden.Near(t, name, got, golden.Floats(t, f, name), 2e-6)
	}
	empty := Box{X0: 5, Y0: 5, X1: 5, Y1: 9}
	if IoU(empty, empty) != 0 || GIoU(empty, empty) != 0 || DIoU(empty, empty) != 0 {
		t.Error("empty boxes overlap")
	}
}

func TestLosses(t *testing.T) {
	f := reference(t)
	golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
		for name, loss := range map[string]func(a, b *tensor.Tensor) *tensor.Tensor{"giou": GIoULoss, "diou": DIoULoss, "ciou": CIoULoss} {
			s := d.Record()
			a := golden.Tensor(t, d, f, "a").SetRequiresGrad(true)
			b := golden.Tensor(t, d, f, "b").SetRequiresGrad(true)
			l := loss(a, b)
			golden.Near(t, name, l.Values(), golden.Floats(t, f, name+"_loss"), 2e-6)
			l.Mul(golden.Tensor(t, d, f, "weight")).Sum().Backward()
			golden.Near(t, name+" by prediction", a.Grad().Values(), golden.Floats(t, f, name+"_loss_a"), 1e-5)
			golden.Near(t, name+" by truth", b.Grad().Values(), golden.Floats(t, f, name+"_loss_b"), 1e-5)
			s.End()
		}
	})
}

func TestCoder(t *testing.T) {
	f := reference(t)
	priors, truth := boxesOf(t, f, "a"), boxesOf(t, f, "b")
	d := golden.Device(t)
	for name, c := range map[string]Coder{"ssd": NewCoder(10, 10, 5, 5), "rpn": NewCoder(1, 1, 1, 1)} {
		var codes, decoded []float32
		random := golden.Floats(t, f, name+"_random")
		for i, p := range priors {
			code := c.Encode(truth[i], p)
			codes = append(codes, code[:]...)
			back := c.Decode(code, p)
			if back.IoU(truth[i]) < 1-1e-5 {
				t.Errorf("%s: %v becomes %v", name, truth[i], back)
			}
			decoded = append(decoded, Values([]Box{c.Decode([4]float32(random[4*i:]), p)})...)
		}
		golden.Near(t, name+" codes", codes, golden.Floats(t, f, name+"_code"), 2e-6)
		golden.Near(t, name+" decoded", decoded, golden.Floats(t, f, name+"_decoded"), 2e-6)
		s := d.Scratch()
		onDevice := c.DecodeTensor(d.From(random, len(priors), 4), d.From(Values(priors), len(priors), 4)).Values()
		golden.Near(t, name+" decoded on the device", onDevice, golden.Floats(t, f, name+"_decoded"), 1e-5)
		s.End()
	}
	v, c := NewVarianceCoder(0.1, 0.2), NewCoder(10, 10, 5, 5)
	if got, want := v.Encode(truth[0], priors[0]), c.Encode(truth[0], priors[0]); math.Abs(float64(got[3]-want[3])) > 1e-6 {
		t.Errorf("variances 0.1 and 0.2 give %v, weights 10 and 5 %v", got, want)
	}
}

func TestNMS(t *testing.T) {
	f := reference(t)
	b, scores, classes := boxesOf(t, f, "nms_boxes"), golden.Floats(t, f, "nms_scores"), indices(t, f, "nms_classes")
	for _, percent := range []int{0, 10, 30, 45, 70, 95} {
		kept, err := NMS(b, scores, float64(percent)/100)
		if want := indices(t, f, fmt.Sprintf("nms_%d", percent)); err != nil || !slices.Equal(kept, want) {
			t.Errorf("at %d %%: %v keeps %d: %v, want %d: %v", percent, err, len(kept), kept, len(want), want)
		}
	}
	kept, err := NMSPerClass(b, scores, classes, 0.45)
	if want := indices(t, f, "nms_classes_45"); err != nil || !slices.Equal(kept, want) {
		t.Errorf("per class: %v keeps %v, want %v", err, kept, want)
	}
}

func TestSoftNMS(t *testing.T) {
	f := reference(t)
	b, scores := boxesOf(t, f, "nms_boxes")[:120], golden.Floats(t, f, "soft_scores_in")
	for name, s := range map[string]Soft{"linear": {Threshold: 0.3, MinScore: 0.05}, "gaussian": {Sigma: 0.5, MinScore: 0.05}} {
		kept, lowered, err := s.Run(b, scores)
		if want := indices(t, f, "soft_"+name); err != nil || !slices.Equal(kept, want) {
			t.Errorf("%s: %v keeps %v, want %v", name, err, kept, want)
		}
		golden.Near(t, name, lowered, golden.Floats(t, f, "soft_"+name+"_scores"), 1e-5)
	}
}

func TestPriors(t *testing.T) {
	f := reference(t)
	every := func(b []Box, n int) (some []float32, sum [4]float64) {
		for i, b := range b {
			for j, v := range Values([]Box{b}) {
				sum[j] += float64(v)
				if i%n == 0 {
					some = append(some, v)
				}
			}
		}
		return some, sum
	}
	sums := golden.Floats(t, f, "priors_sum")
	for i, name := range []string{"priors_coco", "priors_voc"} {
		all, err := SSD300(i == 0).Boxes(300, 300, SSD300Grids())
		if err != nil || len(all) != 8732 {
			t.Fatalf("%d boxes, %v", len(all), err)
		}
		some, sum := every(all, 61)
		golden.Near(t, name, some, golden.Floats(t, f, name), 1e-6)
		for j := range sum {
			if math.Abs(sum[j]/float64(sums[4*i+j])-1) > 1e-5 {
				t.Errorf("%s: coordinate %d sums to %v, want %v", name, j, sum[j], sums[4*i+j])
			}
		}
	}
	free := DefaultBoxes{AspectRatios: [][]float64{{2}, {3}}, Scales: []float64{0.2, 0.5, 0.9}}
	all, err := free.Boxes(200, 120, []Grid{{5, 7}, {2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	golden.Near(t, "without steps", Values(all), golden.Floats(t, f, "priors_free"), 1e-6)
	anchors := Anchors{Sizes: [][]float64{{32, 48}, {64}, {128}}, AspectRatios: [][]float64{{0.5, 1, 2}, {0.5, 1, 2}, {0.5, 1, 2}}}
	if all, err = anchors.Boxes(200, 130, []Grid{{16, 25}, {8, 12}, {4, 6}}); err != nil {
		t.Fatal(err)
	}
	some, sum := every(all, 7)
	golden.Near(t, "anchors", some, golden.Floats(t, f, "anchors"), 1e-6)
	for j, want := range golden.Floats(t, f, "anchors_sum") {
		if math.Abs(sum[j]/float64(want)-1) > 1e-5 {
			t.Errorf("anchors: coordinate %d sums to %v, want %v", j, sum[j], want)
		}
	}
}

func TestMatcher(t *testing.T) {
	f := reference(t)
	priors, err := SSD300(true).Boxes(300, 300, SSD300Grids())
	if err != nil {
		t.Fatal(err)
	}
	priors = FromValues(Values(priors))
	objects := boxesOf(t, f, "objects")
	for name, m := range map[string]Matcher{
		"match_ssd": SSDMatcher(0.5), "match_rpn": {High: 0.7, Low: 0.3, LowQuality: true}, "match_head": {High: 0.5, Low: 0.5},
	} {
		var at, what []int
		for p, o := range m.Match(objects, priors) {
			if o != Background {
				at, what = append(at, p), append(what, o)
			}
		}
		if want := indices(t, f, name); !slices.Equal(append(at, what...), want) {
			t.Errorf("%s: %v\nmatched to %v\nwant %v", name, at, what, want)
		}
	}
	for _, o := range SSDMatcher(0.5).Match(nil, priors) {
		if o != Background {
			t.Fatal("a prior has an object of a picture without objects")
		}
	}
}
