package dalle

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/testdevice/testgpu"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// gpu is the GPU that BESTIARY_TEST_DEVICE names, otherwise the emulated one.
func gpu(t *testing.T) *tensor.Device {
	t.Helper()
	if d := testgpu.Wanted(t); d != nil {
		return engine.NewDevice(d)
	}
	return engine.NewDevice(testgpu.Emulated(t))
}

// A GPU samples the same tokens as the CPU from the same logits with the same random numbers, also among equal logits.
func TestDeviceDraw(t *testing.T) {
	d := gpu(t)
	inf := float32(math.Inf(1))
	for _, n := range []int{2, 33, 2500} {
		for name, s := range map[string]sampling.Options{
			"plain": sampling.Default(), "greedy": {Guidance: 1}, "cold": {Temperature: 0.05, Guidance: 1}, "top-k": {Temperature: 1.5, TopK: n / 2, Guidance: 1},
			"top-k 1": {Temperature: 2, TopK: 1, Guidance: 1}, "more than all": {Temperature: 1, TopK: n + 1, Guidance: 1},
			"guided": {Temperature: 1, TopK: n/3 + 1, Guidance: 2.5},
		} {
			t.Run(fmt.Sprintf("%d %s", n, name), func(t *testing.T) {
				const pictures = 7
				g := tensor.NewGenerator(uint64(n))
				rows := pictures
				if s.Guidance != 1 {
					rows *= 2
				}
				logits := g.Normal(golden.CPU(t), rows, 1, n).Scale(4).Values()
				for i := range n { // the second of many equal ones, the third of some that are impossible
					logits[n+i] = float32(math.Round(float64(logits[n+i]) / 4))
					if i%3 != 0 {
						logits[2*n+i] = -inf
					}
				}
				var words []int32
				random := tensor.NewGenerator(9)
				for range pictures {
					u := random.Intn(1 << 53)
					words = append(words, int32(u>>32), int32(u))
				}
				random.SetState(9, 0) // again
				codes := d.Ints(make([]int32, rows))
				how := sampling.OnDevice{Temperature: s.Temperature, TopK: s.TopK, Guidance: s.Guidance, Twins: rows > pictures}
				how.Draw(d.From(logits, rows, 1, n), d.Ints(words), codes)
				got, host := codes.IntValues(), sampling.New(s)
				for i := range pictures {
					own := logits[i*n : (i+1)*n]
					if rows > pictures {
						s.Guide(own, logits[(pictures+i)*n:(pictures+i+1)*n])
					}
					want, err := host.Sample(own, random)
					if err != nil {
						t.Fatal(err)
					}
					if got[i] != want || rows > pictures && got[pictures+i] != want {
						t.Errorf("picture %d: code %d, want %d", i, got[i], want)
					}
				}
			})
		}
	}
	nan := float32(math.NaN())
	for want, logits := range map[int32][]float32{
		sampling.DrawnNaN: {0, nan, 1, inf}, sampling.DrawnInfinite: {0, inf, nan}, sampling.DrawnNone: {-inf, -inf},
	} {
		codes := d.Ints([]int32{5})
		sampling.OnDevice{Temperature: 1, Guidance: 1, TopK: 1}.Draw(d.From(logits, 1, len(logits)), d.Ints([]int32{0, 0}), codes)
		if got := codes.IntValues()[0]; got != want {
			t.Errorf("from %v: %d, want %d", logits, got, want)
		}
	}
}

// A GPU generates the same pictures as the CPU with each variant of the model.
func TestDeviceGenerate(t *testing.T) {
	all, names := variants(), []string{"full/reversible", "axial_col/no shift", "conv_like/learned positions", "sparse/sandwich, shared", "axial_row/plain"}
	ways := []sampling.Options{{Temperature: 1, TopK: 5, Guidance: 1}, {Temperature: 0.5, Guidance: 2}, {Temperature: 1, Guidance: 1, TopP: 0.9}}
	for i, name := range names {
		s := ways[i%len(ways)]
		t.Run(fmt.Sprintf("%s %+v", name, s), func(t *testing.T) {
			c := all[name]
			text, image := example(c, 2)
			generate := func(d *tensor.Device) (codes [][]int32) {
				m := build(t, d, c)
				pictures := make([]Picture, 2)
				for p := range pictures {
					pictures[p] = Picture{
						Text: text[p*c.TextLen : (p+1)*c.TextLen], Prime: image[p*c.Cells() : p*c.Cells()+i%3],
						Random: tensor.NewGenerator(uint64(3 + p)),
					}
				}
				rows := 0
				codes, err := m.Generate(context.Background(), pictures, s, func(n int, codes [][]int32) {
					if rows++; len(codes[1]) != n*c.Width {
						t.Errorf("%d codes after row %d", len(codes[1]), n)
					}
				})
				if err != nil || rows != c.Height {
					t.Fatalf("%d rows: %v", rows, err)
				}
				unguided := s
				unguided.Guidance = 1
				caption, err := m.CompleteText(context.Background(), text[:2], unguided, tensor.NewGenerator(2))
				if err != nil {
					t.Fatal(err)
				}
				return append(codes, caption)
			}
			got, want := generate(gpu(t)), generate(golden.CPU(t))
			for p := range want {
				if !slices.Equal(got[p], want[p]) {
					t.Errorf("sequence %d is %v, want %v", p, got[p], want[p])
				}
			}
		})
	}
}

// Unusable logits are an error at the end of a row.
func TestDeviceDrawsNothing(t *testing.T) {
	c := small(func(c *Config) { c.Height, c.Width, c.Transformer.Depth = 2, 1, 1 })
	m := build(t, gpu(t), c)
	for answer, want := range map[float32]string{float32(math.NaN()): "contain NaN", float32(math.Inf(1)): "contain +Inf", float32(math.Inf(-1)): "every token"} {
		m.imageHead.bias.Set(slices.Repeat([]float32{answer}, c.ImageCodes))
		_, err := m.Generate(context.Background(), []Picture{{Random: tensor.NewGenerator(1)}}, sampling.Default(), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("where all logits are %v: %v", answer, err)
		}
	}
}
