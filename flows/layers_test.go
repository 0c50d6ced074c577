package flows_test

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

func openDevice(t *testing.T, name string) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice(name, tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// wantError fails unless err is there and says what it should.
func wantError(t *testing.T, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("error %v, want one that says %q", err, says)
	}
}

// wantField fails unless err is a fault.FieldError of a field.
func wantField(t *testing.T, err error, field string) {
	t.Helper()
	var f *fault.FieldError
	if !errors.As(err, &f) || f.Field != field {
		t.Errorf("error %v, want one of the field %s", err, field)
	}
}

// moments are the mean and the variance (with divisor n) of a column of x.
func moments(x *tensor.Tensor, column int) (mean, variance float64) {
	values, dim := x.Values(), x.Dim(1)
	n := float64(x.Dim(0))
	for at := column; at < len(values); at += dim {
		mean += float64(values[at]) / n
	}
	for at := column; at < len(values); at += dim {
		deviation := float64(values[at]) - mean
		variance += deviation * deviation / n
	}
	return mean, variance
}

func TestMasks(t *testing.T) {
	for _, c := range []struct {
		mask    flows.Mask
		dim     int
		flipped bool
		want    string
	}{
		{flows.Half, 4, false, "ppaa"}, {flows.Half, 4, true, "aapp"}, {flows.Half, 5, false, "ppaaa"},
		{flows.Odds, 4, false, "apap"}, {flows.Odds, 5, true, "papap"},
	} {
		got := []byte(strings.Repeat("a", c.dim))
		for _, column := range c.mask.Passive(c.dim, c.flipped) {
			got[column] = 'p'
		}
		if string(got) != c.want {
			t.Errorf("%s of %d, flipped %t: %s, want %s", c.mask, c.dim, c.flipped, got, c.want)
		}
	}
}

func TestCouplingPassesPassiveColumns(t *testing.T) {
	d, g := openDevice(t, "cpu"), tensor.NewGenerator(1)
	passive := []int{0, 2, 5}
	c := flows.NewAffineCoupling(d, 6, passive, flows.CouplingConfig{Hidden: []int{4}}, g)
	x := g.Normal(d, 3, 6)
	z, _ := c.Forward(x, nil)
	before, after := x.Values(), z.Values()
	for i := range before {
		column := i % 6
		if isPassive := column == 0 || column == 2 || column == 5; isPassive != (before[i] == after[i]) {
			t.Errorf("column %d: %v became %v", column, before[i], after[i])
		}
	}
}

// TestPermutationsAreChecked loads orders that would move columns out of the row, or two to one place.
func TestPermutationsAreChecked(t *testing.T) {
	d := openDevice(t, "cpu")
	p := flows.NewReversal(d, 3)
	for _, c := range []struct {
		order, inverse []int64
		says           string
	}{
		{[]int64{1, 2, 0}, []int64{2, 0, 1}, ""},
		{[]int64{1, 1, 0}, []int64{2, 0, 1}, `"p" that is not a permutation of the columns`},
		{[]int64{1, 3, 0}, []int64{2, 0, 1}, `"p" that is not a permutation of the columns`},
		{[]int64{1, -1, 0}, []int64{2, 0, 1}, `"p" that is not a permutation of the columns`},
		{[]int64{1, 2 + 1<<32, 0}, []int64{2, 0, 1}, `4294967298 in "p", more than 32 bits hold`},
		{[]int64{1, 2, 0}, []int64{1, 2, 0}, `"invp" that is not the inverse`},
	} {
		path := filepath.Join(t.TempDir(), "p.safetensors")
		err := safetensors.Write(path, []safetensors.Tensor{
			{Name: "p", DType: safetensors.I64, Shape: []int{3}, I64: c.order},
			{Name: "invp", DType: safetensors.I64, Shape: []int{3}, I64: c.inverse},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		before := p.P.IntValues()
		switch err := nn.LoadFile(p, path); {
		case c.says != "":
			wantError(t, err, c.says)
			if !slices.Equal(p.P.IntValues(), before) {
				t.Errorf("%v: loaded in spite of %v", c.order, err)
			}
		case err != nil:
			t.Error(err)
		}
	}
}

func TestBatchNormInverseNeedsEvaluation(t *testing.T) {
	d := openDevice(t, "cpu")
	s := flows.NewSequential(flows.NewReversal(d, 2), flows.NewBatchNorm(d, 2))
	err := flows.Invertible(s)
	if !errors.Is(err, flows.ErrNotInvertible) {
		t.Errorf("error %v, want ErrNotInvertible", err)
	}
	wantError(t, err, "layer 1: ")
	func() {
		defer func() {
			if err, ok := recover().(error); !ok || !errors.Is(err, flows.ErrNotInvertible) {
				t.Errorf("panic with %v, want ErrNotInvertible", err)
			}
		}()
		s.Inverse(d.Zeros(3, 2), nil)
		t.Error("inverse of batch norm in training")
	}()
	s.SetTraining(false)
	if err := flows.Invertible(s); err != nil {
		t.Error(err)
	}
	s.Inverse(d.Zeros(3, 2), nil)
}

func TestBatchNormRunningStatistics(t *testing.T) {
	d := openDevice(t, "cpu")
	b := flows.NewBatchNorm(d, 1)
	b.Forward(d.From([]float32{1, 2, 6}, 3, 1), nil) // mean 3, unbiased variance 7
	if got := b.RunningMean.Item(); math.Abs(got-0.3) > 1e-6 {
		t.Errorf("running mean %v, want 0.9·0 + 0.1·3", got)
	}
	if got := b.RunningVar.Item(); math.Abs(got-1.6) > 1e-6 {
		t.Errorf("running variance %v, want 0.9·1 + 0.1·7", got)
	}
}

func TestActNormInitialisesOnce(t *testing.T) {
	d, g := openDevice(t, "cpu"), tensor.NewGenerator(1)
	a := flows.NewActNorm(d, 2)
	x := g.Normal(d, 50, 2).Mul(d.From([]float32{3, 0})).Add(d.From([]float32{-2, 5}))

	a.SetTraining(false)
	if z, _ := a.Forward(x, nil); z.Values()[0] != x.Values()[0] {
		t.Error("not the identity before training")
	}
	a.SetTraining(true)
	z, _ := a.Forward(x, nil)
	if mean, variance := moments(z, 0); math.Abs(mean) > 1e-5 || math.Abs(variance-1) > 1e-5 {
		t.Errorf("after the first batch mean %v and variance %v, want 0 and 1", mean, variance)
	}
	if mean, variance := moments(z, 1); math.Abs(mean) > 1e-5 || variance > 1e-9 {
		t.Errorf("constant column has mean %v and variance %v, want 0 and 0", mean, variance)
	}
	scale := a.LogScale.Values()[0]
	a.Forward(x.Scale(7), nil)
	if a.LogScale.Values()[0] != scale {
		t.Error("initialised a second time")
	}

	path := filepath.Join(t.TempDir(), "fresh.safetensors")
	if err := errors.Join(nn.SaveFile(flows.NewActNorm(d, 2), path), nn.LoadFile(a, path)); err != nil {
		t.Fatal(err)
	}
	a.SetTraining(true)
	z, _ = a.Forward(x.Scale(7), nil)
	if mean, variance := moments(z, 0); math.Abs(mean) > 1e-5 || math.Abs(variance-1) > 1e-5 {
		t.Errorf("after weights without a first batch were loaded, mean %v and variance %v, want 0 and 1", mean, variance)
	}
}

func TestStandardizeFit(t *testing.T) {
	d := openDevice(t, "cpu")
	s := flows.NewStandardize(d, 2)
	nan := float32(math.NaN())
	wantError(t, s.Fit(rowsOf([]float32{1, 2})), "1 rows have no standard deviation")
	wantError(t, s.Fit(rowsOf([]float32{1, 2}, []float32{1, 2, 3})), "row 1 has 3 numbers instead of 2")
	wantError(t, s.Fit(rowsOf([]float32{1, 2}, []float32{3, 4}, []float32{1, nan})), "row 2 has NaN in column 1")
	if s.Mean.Values()[0] != 0 || s.Std.Values()[0] != 1 {
		t.Error("changed by a fit that failed")
	}
	// A large offset, where sums of squares in float32 would have lost everything.
	if err := s.Fit(rowsOf([]float32{100001, 7}, []float32{100003, 7})); err != nil {
		t.Fatal(err)
	}
	if got := s.Mean.Values(); got[0] != 100002 || got[1] != 7 {
		t.Errorf("means %v, want 100002 and 7", got)
	}
	if got := s.Std.Values(); got[0] != 1 || got[1] != 1 {
		t.Errorf("standard deviations %v, want 1, and 1 for a constant column", got)
	}
}

func TestOneHot(t *testing.T) {
	d := openDevice(t, "cpu")
	y, err := flows.OneHot(d, []int{2, 0}, 3)
	if err != nil {
		t.Fatal(err)
	}
	golden.Near(t, "one-hot", y.Values(), []float32{0, 0, 1, 1, 0, 0}, 0)
	_, err = flows.OneHot(d, []int{0, 3}, 3)
	wantField(t, err, "Labels")
	wantError(t, err, "Labels 3: must be one of the 3 classes")
	_, err = flows.OneHot(d, nil, -1)
	wantField(t, err, "Classes")
}

// TestKeptPlan checks that sampling with frozen weights, whose plan is kept, gives what it gave before, and that a plan is not kept
// while weights may change.
func TestKeptPlan(t *testing.T) {
	d := openDevice(t, "cpu")
	for _, s := range []flows.Spec{small(flows.MAF(5, 0)), small(flows.Torus(3, 0))} {
		f, err := flows.New(d, s, tensor.NewGenerator(1))
		if err != nil {
			t.Fatal(err)
		}
		f.SetTraining(false)
		draw := func() []float32 {
			step := d.Scratch()
			defer step.End()
			x, _, err := f.Sample(20, nil, 1, tensor.NewGenerator(3))
			if err != nil {
				t.Fatal(err)
			}
			return x.Values()
		}
		first := draw()
		scaleWeights(f, 1.5)
		changed := draw()
		if slices.Equal(first, changed) {
			t.Error("samples don't follow the weights")
		}
		nn.Freeze(f)
		for range 2 {
			if got := draw(); !slices.Equal(got, changed) {
				t.Errorf("frozen weights give %v, want %v", got[:3], changed[:3])
			}
		}
	}
}
