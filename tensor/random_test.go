package tensor

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestStreamsCanBeSplit(t *testing.T) {
	d := float64Device(t)
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		blocks := rapid.SliceOfN(rapid.IntRange(1, 5), 1, 4).Draw(t, "blocks")
		draw := map[string]func(g *Generator, n int) *Tensor{
			"uniform": func(g *Generator, n int) *Tensor { return g.Uniform(d, n) },
			"normal":  func(g *Generator, n int) *Tensor { return g.Normal(d, n) },
			"dropout": func(g *Generator, n int) *Tensor { return d.Full(1, n).Dropout(0.5, g) },
		}[rapid.SampledFrom([]string{"uniform", "normal", "dropout"}).Draw(t, "draw")]
		total := 0
		var parts []float32
		g := NewGenerator(seed)
		for _, n := range blocks {
			parts = append(parts, draw(g, 4*n).Values()...)
			total += 4 * n
		}
		whole := NewGenerator(seed)
		if got := draw(whole, total).Values(); !slices.Equal(got, parts) {
			t.Fatalf("whole %v, in parts %v", got, parts)
		}
		if *g != *whole {
			t.Fatalf("the generators are at %v and %v", *g, *whole)
		}
		key, offset := g.State()
		next := draw(g, 5).Values()
		var again Generator
		again.SetState(key, offset)
		if got := draw(&again, 5).Values(); !slices.Equal(got, next) {
			t.Fatalf("after SetState %v, want %v", got, next)
		}
		if first, second := g.Normal(d, 5).Values(), g.Normal(d, 5).Values(); slices.Equal(first, second) {
			t.Fatalf("the same numbers twice: %v", first)
		}
	})
}

// TestDevicesDrawTheSame compares the streams of all devices; the sizes are several tasks long.
func TestDevicesDrawTheSame(t *testing.T) {
	reference := float64Device(t)
	draw := func(d *Device) [][]float32 {
		g := NewGenerator(77)
		ones := d.Full(1, 50_000)
		return [][]float32{
			g.Uniform(d, 50_000).Values(), g.Normal(d, 49_999).Values(), ones.Dropout(0.25, g).Values(), g.Uniform(d, 3).Values(),
		}
	}
	want := draw(reference)
	for threads := 1; threads <= 3; threads++ {
		eachKernelSet(t, threads, func(t *testing.T, d *Device) {
			for i, got := range draw(d) {
				for j, v := range got {
					// the logarithms and sines of normal numbers may be rounded differently
					if math.Abs(float64(v-want[i][j])) > 1e-5*float64(i%2)*(1+math.Abs(float64(v))) {
						t.Fatalf("draw %d, number %d is %g, want %g", i, j, v, want[i][j])
					}
				}
			}
		})
	}
}

func TestForks(t *testing.T) {
	d := float64Device(t)
	g := NewGenerator(5)
	before := *g
	a, b, nested := g.Fork("a"), g.Fork("b"), g.Fork("a").Fork("b")
	if *g != before {
		t.Error("forking has moved the generator")
	}
	g.Uniform(d, 10)
	if *g.Fork("a") != *a {
		t.Error("a fork depends on how much was drawn")
	}
	const n = 20_000
	streams := [][]float32{NewGenerator(5).Normal(d, n).Values()}
	for _, fork := range []*Generator{a, b, nested, NewGenerator(6).Fork("a"), g.Fork("")} {
		streams = append(streams, fork.Normal(d, n).Values())
	}
	for i := range streams {
		for j := range i {
			dot := 0.0
			for k := range n {
				dot += float64(streams[i][k] * streams[j][k])
			}
			if math.Abs(dot/n) > 5/math.Sqrt(n) {
				t.Errorf("streams %d and %d correlate: %g", i, j, dot/n)
			}
		}
	}
}

func TestPermutationsAndIntn(t *testing.T) {
	g := NewGenerator(9)
	var counts [6][6]int
	for range 6000 {
		p := g.Permutation(6)
		sorted := slices.Clone(p)
		slices.Sort(sorted)
		if !slices.Equal(sorted, []int32{0, 1, 2, 3, 4, 5}) {
			t.Fatalf("%v is no permutation", p)
		}
		for i, v := range p {
			counts[i][v]++
		}
	}
	for i, row := range counts {
		for v, n := range row {
			if n < 850 || n > 1150 {
				t.Errorf("%d is at position %d %d times in 6000", v, i, n)
			}
		}
	}
	if got := g.Permutation(0); len(got) != 0 {
		t.Errorf("permutation of nothing: %v", got)
	}
	for range 1000 {
		if v := g.Intn(3); v < 0 || v > 2 {
			t.Fatalf("Intn(3) is %d", v)
		}
	}
}
