package detect

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	"github.com/bestiary-ml/bestiary/tensor"
)

// pile makes n boxes of sizes from min to max in a picture of 512×512 pixels; some are near others.
func pile(r *rand.Rand, n int, smallest, largest float64) (b []Box, scores []float32) {
	for len(b) < n {
		side := func() float64 { return smallest * math.Pow(largest/smallest, r.Float64()) }
		next := boxes.FromCenter(512*r.Float64(), 512*r.Float64(), side(), side())
		if len(b) > 0 && r.IntN(2) == 0 {
			near := b[r.IntN(len(b))]
			jitter := func(v float64) float64 { return v + 0.1*near.Width()*r.NormFloat64() }
			next = Box{X0: jitter(near.X0), Y0: jitter(near.Y0), X1: jitter(near.X1), Y1: jitter(near.Y1)}
		}
		b, scores = append(b, next), append(scores, float32(r.IntN(1000))/1000)
	}
	return FromValues(Values(b)), scores
}

// The grid finds the boxes that comparing all pairs finds, for any sizes and places.
func TestGridIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := gradcheck.Rand(t)
		smallest := math.Pow(10, rapid.Float64Range(-4, 2).Draw(t, "smallest"))
		b, scores := pile(r, rapid.IntRange(0, 300).Draw(t, "n"), smallest, smallest*math.Pow(10, rapid.Float64Range(0, 4).Draw(t, "range")))
		threshold := rapid.Float64Range(0, 1).Draw(t, "threshold")
		for i := range b { // odd ones
			switch r.IntN(40) {
			case 0:
				b[i].X1 = math.NaN()
			case 1:
				b[i].X1 = b[i].X0
			case 2:
				b[i].Y0 = math.Inf(-1)
			case 3:
				scores[i] = float32(math.NaN())
			case 4:
				scores[i] = -scores[i]
			}
		}
		kept, err := NMS(b, scores, threshold)
		if err != nil {
			t.Fatal(err)
		}
		if want := plainNMS(b, scores, threshold); !slices.Equal(kept, want) {
			t.Fatalf("keeps %v, want %v", kept, want)
		}
	})
}

// plainNMS compares all pairs.
func plainNMS(b []Box, scores []float32, threshold float64) []int {
	order := make([]int, len(b))
	for i := range order {
		order[i] = i
	}
	score := func(i int) float64 {
		if s := float64(scores[i]); s == s {
			return s
		}
		return math.Inf(-1)
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case score(i) > score(j):
			return -1
		case score(i) < score(j):
			return 1
		}
		return 0
	})
	var kept []int
	for _, i := range order {
		one := newRect(b[i])
		if !slices.ContainsFunc(kept, func(j int) bool {
			other := newRect(b[j])
			return b[i].Finite() && b[j].Finite() && float64(one.iou(&other)) > threshold
		}) {
			kept = append(kept, i)
		}
	}
	return kept
}

func TestLossGradients(t *testing.T) {
	d := gradcheck.Device(t)
	defer d.Close()
	for name, loss := range map[string]func(a, b *tensor.Tensor) *tensor.Tensor{"iou": IoULoss, "giou": GIoULoss, "diou": DIoULoss} {
		t.Run(name, func(t *testing.T) {
			a := d.From([]float32{0, 0, 10, 8, 3, 2, 9, 12, 0, 0, 2, 2}, 3, 4).SetRequiresGrad(true)
			b := d.From([]float32{2, 1, 13, 7, 2, 3, 8, 9, 5, 6, 8, 7}, 3, 4).SetRequiresGrad(true)
			gradcheck.Check(t, func() *tensor.Tensor { return loss(a, b) }, a, b)
		})
	}
	t.Run("decode", func(t *testing.T) {
		codes := d.From([]float32{0.3, -1, 0.5, 0.2, 1, 2, -0.4, 30}, 2, 4).SetRequiresGrad(true)
		priors := d.From([]float32{2, 1, 13, 7, 2, 3, 8, 9}, 2, 4)
		gradcheck.Check(t, func() *tensor.Tensor { return NewCoder(10, 10, 5, 5).DecodeTensor(codes, priors) }, codes)
	})
	t.Run("angle", func(t *testing.T) {
		b := d.From([]float32{0, 0, 1, 1e-3, 0, 0, 1e-3, 1, 0, 0, 1, 1, 0, 0, 300, 200}, 4, 4).SetRequiresGrad(true)
		column := func() *tensor.Tensor {
			return angle([4]*tensor.Tensor{b.Slice(1, 0, 1), b.Slice(1, 1, 2), b.Slice(1, 2, 3), b.Slice(1, 3, 4)})
		}
		for i, want := range []float64{math.Atan(1e3), math.Atan(1e-3), math.Pi / 4, math.Atan(1.5)} {
			if got := gradcheck.Exact(column())[i]; math.Abs(got-want) > 1e-7 { // the inputs are rounded to float32
				t.Errorf("angle %d is %v, want %v", i, got, want)
			}
		}
	})
}

func TestBox(t *testing.T) {
	b := boxes.FromSize(10, 20, 30, 40)
	if b != boxes.FromCenter(25, 40, 30, 40) || b.Area() != 1200 || b.Mirror(100) != (Box{X0: 60, Y0: 20, X1: 90, Y1: 60}) {
		t.Errorf("%v", b)
	}
	if x, y, w, h := b.Size(); x != 10 || y != 20 || w != 30 || h != 40 {
		t.Errorf("size %v %v %v %v", x, y, w, h)
	}
	if c := b.Clip(20, 30); c != (Box{X0: 10, Y0: 20, X1: 20, Y1: 30}) || !b.Clip(5, 5).Empty() {
		t.Errorf("clipped to %v", c)
	}
	if inverted := (Box{X0: 3, Y0: 3, X1: 1, Y1: 1}); inverted.Area() != 0 || !inverted.Empty() || inverted.IoU(b) != 0 {
		t.Error("an inverted box has an area")
	}
	if (Box{X1: math.NaN()}).Finite() || (Box{Y0: math.Inf(1)}).Finite() || !b.Finite() {
		t.Error("Finite")
	}
}

func TestErrors(t *testing.T) {
	b, scores := make([]Box, 2), make([]float32, 2)
	_, threshold := NMS(b, scores, 1.5)
	_, nan := NMS(b, scores, math.NaN())
	_, _, soft := Soft{Sigma: -1}.Run(b, scores)
	_, defaults := DefaultBoxes{AspectRatios: [][]float64{{2}}, Scales: []float64{0.1}}.Boxes(300, 300, []Grid{{1, 1}})
	_, anchors := Anchors{Sizes: [][]float64{{-1}}, AspectRatios: [][]float64{{1}}}.Boxes(300, 300, []Grid{{1, 1}})
	for i, err := range []error{threshold, nan, soft, defaults, anchors, Matcher{High: 0.3, Low: 0.5}.Validate()} {
		var field *fault.FieldError
		if !errors.As(err, &field) {
			t.Errorf("%d: %v is not about a field", i, err)
		}
	}
	if _, err := NMS(b, scores[:1], 0.5); err == nil {
		t.Error("a box without a score")
	}
	if _, err := SSD300(true).Boxes(300, 300, []Grid{{1 << 20, 1 << 20}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}); err == nil {
		t.Error("too many priors")
	}
}

// The goal is 2 ms for 10,000 boxes.
func BenchmarkNMS(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, sizes := range map[string][2]float64{"small": {8, 32}, "mixed": {8, 400}, "large": {100, 300}} {
		all, scores := pile(r, 10_000, sizes[0], sizes[1])
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := NMS(all, scores, 0.45); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	priors, err := SSD300(true).Boxes(300, 300, SSD300Grids())
	if err != nil {
		b.Fatal(err)
	}
	objects, _ := pile(rand.New(rand.NewPCG(1, 2)), 10, 20, 200)
	for b.Loop() {
		SSDMatcher(0.5).Match(objects, priors)
	}
}
