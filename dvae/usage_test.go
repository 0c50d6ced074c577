package dvae

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

func TestAnnealing(t *testing.T) {
	a := Annealing{Start: 1, Floor: 0.25, Steps: 100}
	for step, want := range map[int]float64{1: 1, 51: 0.5, 101: 0.25, 1000: 0.25} {
		if got := a.At(step); math.Abs(got-want) > 1e-9 {
			t.Errorf("temperature of step %d is %v, want %v", step, got, want)
		}
	}
	if got := (Annealing{Start: 0.9}).At(500); got != 0.9 {
		t.Errorf("temperature without annealing is %v, want 0.9", got)
	}
	for want, bad := range map[string]Annealing{
		"Annealing.Start 0":  {},
		"Annealing.Steps -1": {Start: 1, Steps: -1},
		"Annealing.Floor 0":  {Start: 1, Steps: 1},
		"Annealing.Floor 2":  {Start: 1, Floor: 2, Steps: 1},
	} {
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %s", err, want)
		}
	}
}

func TestUsage(t *testing.T) {
	u := NewUsage(5, 2)
	if u.Perplexity() != 0 || u.Used() != 0 || u.Dead() != nil {
		t.Error("figures before the first batch")
	}
	u.Add([]float32{1, 1, 0, 0, 0})
	if p := u.Perplexity(); math.Abs(p-2) > 1e-9 || u.Full() || u.Dead() != nil {
		t.Errorf("after one batch of two: perplexity %v, dead codes %v", p, u.Dead())
	}
	u.Add([]float32{0, 0, 2, 0, 0})
	if p := u.Perplexity(); math.Abs(p-math.Exp(1.5*math.Ln2)) > 1e-9 || !u.Full() || !slices.Equal(u.Dead(), []int{3, 4}) || u.Used() != 3 {
		t.Errorf("after a window: perplexity %v, %d used, dead codes %v", p, u.Used(), u.Dead())
	}
	saved, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	again := NewUsage(5, 2)
	if err := json.Unmarshal(saved, again); err != nil {
		t.Fatal(err)
	}
	for _, u := range []*Usage{u, again} {
		for range 2 {
			u.Add([]float32{0, 0, 0, 2, 0}) // the first window still counts
		}
		if !slices.Equal(u.Dead(), []int{4}) {
			t.Errorf("dead codes %v, want those of both windows", u.Dead())
		}
		u.Add([]float32{0, 0, 0, 0, 2})
		if !slices.Equal(u.Dead(), []int{0, 1, 2}) {
			t.Errorf("dead codes %v, want the first window forgotten", u.Dead())
		}
		u.Reset()
		if u.Full() || u.Used() != 0 {
			t.Error("a reset left something")
		}
	}
	if err := json.Unmarshal(saved, NewUsage(6, 2)); err == nil || !strings.Contains(err.Error(), "another codebook") {
		t.Errorf("got %v for another codebook", err)
	}
}

// starved returns a VAE that can choose only every eighth code, with pictures, their codes, and the dead codes.
func starved(t *testing.T, d *tensor.Device) (v *VAE, x *tensor.Tensor, used map[int32]bool, dead []int) {
	c := small()
	c.Hidden = 16
	v = build(t, d, c)
	bias := v.head.Bias.Values()
	for i := range bias {
		if i%8 != 0 {
			bias[i] = -50
		}
	}
	v.head.Bias.Set(bias)
	x = tiles(d, 32, v.config.ImageSize)
	used = map[int32]bool{}
	for _, c := range v.Codes(x).IntValues() {
		used[c] = true
	}
	for c := range v.config.Codes {
		if !used[int32(c)] {
			dead = append(dead, c)
		}
	}
	return v, x, used, dead
}

func TestRevive(t *testing.T) {
	d := golden.CPU(t)
	v, x, used, dead := starved(t, d)
	entries := v.code.Weight.Values()
	before := squaredError(d, v, x)
	if n := v.Revive(x, dead, tensor.NewGenerator(7)); n != len(dead) {
		t.Fatalf("revived %d of %d codes", n, len(dead))
	}
	count := map[int32]int{}
	for _, c := range v.Codes(x).IntValues() {
		count[c]++
	}
	for _, c := range dead {
		if count[int32(c)] == 0 {
			t.Errorf("code %d was revived and is not in use", c)
		}
	}
	for c := range used {
		if count[c] == 0 {
			t.Errorf("code %d was in use and has nothing left", c)
		}
	}
	// Entries are copies, and a position changes at most to the copy of a near code.
	if after := squaredError(d, v, x); math.Abs(after-before) > 0.1*before {
		t.Errorf("the error of the pictures went from %v to %v by reviving", before, after)
	}
	for i, e := range v.code.Weight.Values() {
		if used[int32(i/v.config.CodebookDim)] && e != entries[i] {
			t.Fatalf("code %d, which is in use, was changed", i/v.config.CodebookDim)
		}
	}

	same, y, _, dead := starved(t, d)
	same.Revive(y, dead, tensor.NewGenerator(7))
	if !slices.Equal(same.head.Weight.Values(), v.head.Weight.Values()) || !slices.Equal(same.head.Bias.Values(), v.head.Bias.Values()) {
		t.Error("the same generator revived otherwise")
	}
}

// tiles are pictures of 4×4 tiles, each of one of 24 colours, which need 24 codes.
func tiles(d *tensor.Device, n, size int) *tensor.Tensor {
	const side, colours = 4, 24
	g := tensor.NewGenerator(9)
	palette := g.Uniform(d, colours, 3).Scale(2).AddScalar(-1).Values()
	x := make([]float32, n*size*size*3)
	for i := range n {
		for t := range (size / side) * (size / side) {
			colour := palette[3*g.Intn(colours):][:3]
			for p := range side * side {
				row, column := t/(size/side)*side+p/side, t%(size/side)*side+p%side
				copy(x[((i*size+row)*size+column)*3:], colour)
			}
		}
	}
	return d.From(x, n, size, size, 3)
}

// TestRevivedCodesStayInUse trains a starved codebook, and continues with and without revival. So early, revival doesn't
// lower the error yet, but it must not raise it.
func TestRevivedCodesStayInUse(t *testing.T) {
	d := golden.CPU(t)
	train := func(revive bool) (err, perplexity float64) {
		v, x, _, _ := starved(t, d)
		u := NewUsage(v.config.Codes, 1)
		for round := range 3 {
			if revive && round > 0 {
				v.Revive(x, u.Dead(), tensor.NewGenerator(uint64(round)))
			}
			fit(d, v, x, 120, Annealing{Start: 1}.At)
			u.Reset()
			u.Add(v.Codes(x).Counts(v.config.Codes).Values())
		}
		return squaredError(d, v, x), u.Perplexity()
	}
	without, few := train(false)
	with, many := train(true)
	t.Logf("without: error %.4f and perplexity %.1f; revived: %.4f and %.1f", without, few, with, many)
	if with > 1.3*without || many < 2*few {
		t.Errorf("reviving led from error %.4f and perplexity %.1f to %.4f and %.1f", without, few, with, many)
	}
}

// TestReviveWithoutDonor has a batch in which all positions are equal, so that no code can be split.
func TestReviveWithoutDonor(t *testing.T) {
	d := golden.CPU(t)
	v := build(t, d, small())
	for _, p := range encoderTensors(v) {
		p.Set(make([]float32, p.Len()))
	}
	before := v.head.Bias.Values()
	if n := v.Revive(stripes(d, 1, v.config.ImageSize, 3), []int{1, 2, 3}, tensor.NewGenerator(8)); n != 0 {
		t.Errorf("revived %d codes from a uniform picture", n)
	}
	if !slices.Equal(before, v.head.Bias.Values()) {
		t.Error("weights were changed")
	}
}

// encoderTensors are the tensors of the encoder.
func encoderTensors(v *VAE) (all []*tensor.Tensor) {
	v.encoder.Visit("", func(p nn.Param) { all = append(all, p.Tensor) })
	return all
}
