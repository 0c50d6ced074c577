package nn

import (
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/tensor"
)

func device(t *testing.T) *tensor.Device {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// TestInitialisation checks PyTorch's defaults: bounds and standard deviations of what a layer starts with.
func TestInitialisation(t *testing.T) {
	d := device(t)
	g := tensor.NewGenerator(1)
	linear := NewLinear(d, 64, 50, true, g)
	conv := NewConv2d(d, 8, 32, 3, true, tensor.ConvOptions{Groups: 2}, g)
	up := NewConvTranspose2d(d, 32, 8, 3, true, tensor.ConvOptions{Groups: 2}, g)
	uniform := func(fanIn float64) float64 { return 1 / math.Sqrt(fanIn) }
	for _, c := range []struct {
		name      string
		t         *tensor.Tensor
		shape     []int
		bound     float64 // of a uniform distribution, 0 for a normal one
		deviation float64
	}{
		{"linear weight", linear.Weight, []int{64, 50}, uniform(64), 0},
		{"linear bias", linear.Bias, []int{50}, uniform(64), 0},
		{"conv weight", conv.Weight, []int{3, 3, 4, 32}, uniform(4 * 9), 0},
		{"conv bias", conv.Bias, []int{32}, uniform(4 * 9), 0},
		{"transposed conv weight", up.Weight, []int{3, 3, 4, 32}, uniform(4 * 9), 0},
		{"transposed conv bias", up.Bias, []int{8}, uniform(4 * 9), 0},
		{"depth-wise conv weight", NewDepthwiseConv2d(d, 40, 5, true, tensor.DepthwiseOptions{}, g).Weight, []int{5, 5, 1, 40}, uniform(25), 0},
		{"embedding", NewEmbedding(d, 100, 30, g).Weight, []int{100, 30}, 0, 1},
		{"normal", Normal(d, g, 0, 0.02, 40, 50), []int{40, 50}, 0, 0.02},
	} {
		if !slices.Equal(c.t.Shape(), c.shape) || !c.t.RequiresGrad() {
			t.Errorf("%s: shape %v, want %v; learned: %t", c.name, c.t.Shape(), c.shape, c.t.RequiresGrad())
		}
		deviation := c.deviation
		if c.bound > 0 {
			deviation = c.bound / math.Sqrt(3)
		}
		mean, square, n := 0.0, 0.0, float64(c.t.Len())
		for _, v := range c.t.Values() {
			mean += float64(v) / n
			square += float64(v) * float64(v) / n
			if c.bound > 0 && math.Abs(float64(v)) > c.bound*(1+1e-6) {
				t.Errorf("%s: %g is beyond the bound %g", c.name, v, c.bound)
			}
		}
		if math.Abs(mean) > 4.5*deviation/math.Sqrt(n) {
			t.Errorf("%s: mean %g", c.name, mean)
		}
		if math.Abs(math.Sqrt(square)/deviation-1) > 4.5/math.Sqrt(2*n) {
			t.Errorf("%s: standard deviation %g, want %g", c.name, math.Sqrt(square), deviation)
		}
	}
	if mean := Normal(d, g, 1, 0.02, 1000).Mean().Item(); math.Abs(mean-1) > 0.003 {
		t.Errorf("mean %g, want 1", mean)
	}
	if without := NewLinear(d, 3, 4, false, g); without.Bias != nil || len(Params(without)) != 1 {
		t.Error("a layer without bias has one")
	}
	norm, rows := NewBatchNorm(d, 3, tensor.Identity), NewLayerNorm(d, 3)
	groups := NewGroupNorm(d, 1, 3, true)
	for _, p := range []*tensor.Tensor{norm.Weight, norm.RunningVar, rows.Weight, groups.Weight} {
		if !slices.Equal(p.Values(), []float32{1, 1, 1}) {
			t.Errorf("a norm starts with %v, want ones", p.Values())
		}
	}
	for _, p := range []*tensor.Tensor{norm.Bias, norm.RunningMean, rows.Bias, groups.Bias} {
		if !slices.Equal(p.Values(), []float32{0, 0, 0}) {
			t.Errorf("a norm starts with %v, want zeros", p.Values())
		}
	}
}

// TestBatchNormStatistics follows the running averages through three batches, then evaluates with them.
func TestBatchNormStatistics(t *testing.T) {
	d := device(t)
	b := NewBatchNorm(d, 2, tensor.LeakyReLU(0.2))
	b.Weight.Set([]float32{2, 0.5})
	b.Bias.Set([]float32{-1, 1})
	g := tensor.NewGenerator(2)
	mean, variance := []float64{0, 0}, []float64{1, 1}
	for batch := 1; batch <= 3; batch++ {
		s := d.Record()
		x := g.Normal(d, 2, 2, 1, 2).Scale(3).AddScalar(float64(batch))
		y := b.Forward(x)
		values := x.Values()
		for c := range 2 {
			average, squares := 0.0, 0.0
			for at := c; at < len(values); at += 2 {
				average += float64(values[at]) / 4
			}
			for at := c; at < len(values); at += 2 {
				squares += math.Pow(float64(values[at])-average, 2)
			}
			mean[c] = 0.9*mean[c] + 0.1*average
			variance[c] = 0.9*variance[c] + 0.1*squares/3 // unbiased
			for at := c; at < len(values); at += 2 {
				want := (float64(values[at]) - average) / math.Sqrt(squares/4+1e-5) // biased
				want = want*float64(b.Weight.Values()[c]) + float64(b.Bias.Values()[c])
				if want = max(want, 0.2*want); math.Abs(want-float64(y.Values()[at])) > 1e-5 {
					t.Fatalf("in training %g, want %g", y.Values()[at], want)
				}
			}
			if got := float64(b.RunningMean.Values()[c]); math.Abs(got-mean[c]) > 1e-5 {
				t.Errorf("batch %d: running mean %g, want %g", batch, got, mean[c])
			}
			if got := float64(b.RunningVar.Values()[c]); math.Abs(got-variance[c]) > 1e-5 {
				t.Errorf("batch %d: running variance %g, want %g", batch, got, variance[c])
			}
		}
		s.End()
		if got := b.Batches.IntValues()[0]; int(got) != batch {
			t.Errorf("%d batches are counted, want %d", got, batch)
		}
	}

	b.SetTraining(false)
	before := append(b.RunningMean.Values(), b.RunningVar.Values()...)
	y := b.Forward(d.From([]float32{1, 2}, 1, 2)).Values()
	for c := range 2 {
		want := (float64(c+1) - mean[c]) / math.Sqrt(variance[c]+1e-5)
		want = want*float64(b.Weight.Values()[c]) + float64(b.Bias.Values()[c])
		if want = max(want, 0.2*want); math.Abs(want-float64(y[c])) > 1e-5 {
			t.Errorf("in evaluation %g, want %g", y[c], want)
		}
	}
	if after := append(b.RunningMean.Values(), b.RunningVar.Values()...); !slices.Equal(before, after) || b.Batches.IntValues()[0] != 3 {
		t.Error("evaluation has changed the statistics")
	}

	b.SetTraining(true)
	defer func() {
		if recover() == nil {
			t.Error("a single row is trained on")
		}
	}()
	b.Forward(d.Zeros(1, 2))
}

func TestDropoutModes(t *testing.T) {
	d := device(t)
	g := tensor.NewGenerator(3)
	l := NewDropout(0.5, g)
	x := d.Full(1, 1000)
	first, second := l.Forward(x).Values(), l.Forward(x).Values()
	if slices.Equal(first, second) || !slices.Contains(first, 0) || !slices.Contains(first, 2) {
		t.Error("dropout in training doesn't draw")
	}
	key, offset := g.State()
	third := l.Forward(x).Values()
	g.SetState(key, offset)
	if !slices.Equal(third, l.Forward(x).Values()) {
		t.Error("dropout doesn't follow its generator's state")
	}
	l.SetTraining(false)
	at := *g
	if l.Forward(x) != x || *g != at {
		t.Error("dropout in evaluation is not the identity")
	}
}

func TestLayersCompute(t *testing.T) {
	d := device(t)
	g := tensor.NewGenerator(4)
	x := g.Normal(d, 2, 4, 4, 6)
	conv, up := NewConv2d(d, 6, 4, 3, true, tensor.StridePad(1, 1), g), NewConvTranspose2d(d, 6, 4, 4, true, tensor.StridePad(2, 1), g)
	linear, norm, table := NewLinear(d, 6, 5, true, g), NewLayerNorm(d, 6), NewEmbedding(d, 7, 3, g)
	linear.Act = tensor.ReLU
	index := d.Ints([]int32{6, 0})
	for name, pair := range map[string][2]*tensor.Tensor{
		"Conv2d":          {conv.Forward(x), x.Conv2d(conv.Weight, conv.Bias, tensor.StridePad(1, 1))},
		"ConvTranspose2d": {up.Forward(x), x.ConvTranspose2d(up.Weight, up.Bias, tensor.StridePad(2, 1))},
		"Linear":          {linear.Forward(x), x.Linear(linear.Weight, linear.Bias, tensor.ReLU)},
		"LayerNorm":       {norm.Forward(x), x.LayerNorm(norm.Weight, norm.Bias, 1e-5)},
		"Embedding":       {table.Forward(index), table.Weight.Gather(0, index)},
		"ReLU":            {ReLU.Forward(x), x.ReLU()},
		"Tanh":            {Tanh.Forward(x), x.Tanh()},
		"Sigmoid":         {Sigmoid.Forward(x), x.Sigmoid()},
		"GELU":            {GELU.Forward(x), x.GELU()},
		"LeakyReLU":       {LeakyReLU(0.3).Forward(x), x.LeakyReLU(0.3)},
	} {
		if !slices.Equal(pair[0].Shape(), pair[1].Shape()) || !slices.Equal(pair[0].Values(), pair[1].Values()) {
			t.Errorf("%s computes something else", name)
		}
	}
}
