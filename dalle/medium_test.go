package dalle

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestMedium decodes with a frozen model at precision medium, whose weights are read in bfloat16: the logits differ from those of float32,
// but by little, and the codes don't depend on the number of threads.
func TestMedium(t *testing.T) {
	if simd.Detect() == simd.Portable {
		t.Skip("the portable kernels compute in float32")
	}
	c := small(func(c *Config) { c.ImageCodes, c.Transformer.Dim, c.Transformer.DimHead = 160, 128, 64 })
	on := func(precision string, threads int) *DALLE {
		d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: threads, Precision: precision})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		m := build(t, d, c)
		m.transformer.Visit("", func(p nn.Param) {
			if p.Tensor.Rank() == 2 {
				p.Tensor.Set(p.Tensor.Scale(0.2).Values())
			}
		})
		nn.Freeze(m)
		return m
	}
	exact, one, three := on("highest", 1), on("medium", 1), on("medium", 3)
	logits := func(m *DALLE) []float32 {
		first, cache := m.Begin(m.device.Ints([]int32{3, 1, 4, 0, 0}, 1, 5))
		return append(first.Values(), m.Continue(m.device.Ints([]int32{7}, 1, 1), nil, cache).Values()...)
	}
	want, got := logits(exact), logits(one)
	size, largest := 0.0, 0.0
	for i, w := range want {
		size += float64(w) * float64(w) / float64(len(want))
		largest = max(largest, math.Abs(float64(got[i]-w)))
	}
	if size = math.Sqrt(size); !(largest > 1e-5*size && largest < 0.03*size) {
		t.Errorf("logits of size %g differ by up to %g from those of float32", size, largest)
	}
	var codes [2][][]int32
	for i, m := range []*DALLE{one, three} {
		var pictures []Picture
		for seed := range 5 {
			pictures = append(pictures, Picture{Text: []int32{int32(seed + 1)}, Random: tensor.NewGenerator(uint64(seed))})
		}
		var err error
		if codes[i], err = m.Generate(context.Background(), pictures, sampling.Default(), nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, first := range codes[0] {
		if !slices.Equal(first, codes[1][i]) {
			t.Errorf("picture %d has the codes %v on one thread and %v on three", i+1, first, codes[1][i])
		}
	}
}
