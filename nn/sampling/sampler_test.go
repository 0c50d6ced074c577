package sampling

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/tensor"
)

// shares samples many times and returns the share of each token.
func shares(t *testing.T, o Options, logits []float32, n int) []float64 {
	t.Helper()
	counts := make([]float64, len(logits))
	sampler, g := New(o), tensor.NewGenerator(11)
	for range n {
		token, err := sampler.Sample(logits, g)
		if err != nil {
			t.Fatal(err)
		}
		counts[token] += 1 / float64(n)
	}
	return counts
}

func TestSample(t *testing.T) {
	// Probabilities 0.1, 0.4, 0.2, 0, 0.3.
	logits := make([]float32, 5)
	for i, p := range []float64{0.1, 0.4, 0.2, 0, 0.3} {
		logits[i] = float32(math.Log(p)) + 7
	}
	for name, test := range map[string]struct {
		Options
		want []float64
	}{
		"plain":             {Options{Temperature: 1}, []float64{0.1, 0.4, 0.2, 0, 0.3}},
		"all of them":       {Options{Temperature: 1, TopK: 5, TopP: 1}, []float64{0.1, 0.4, 0.2, 0, 0.3}},
		"colder":            {Options{Temperature: 0.5}, []float64{1. / 30, 16. / 30, 4. / 30, 0, 9. / 30}},
		"greedy":            {Options{}, []float64{0, 1, 0, 0, 0}},
		"top-k":             {Options{Temperature: 1, TopK: 2}, []float64{0, 4. / 7, 0, 0, 3. / 7}},
		"top-k 1":           {Options{Temperature: 1, TopK: 1}, []float64{0, 1, 0, 0, 0}},
		"top-p":             {Options{Temperature: 1, TopP: 0.75}, []float64{0, 4. / 9, 2. / 9, 0, 3. / 9}},
		"top-p of one":      {Options{Temperature: 1, TopP: 0.01}, []float64{0, 1, 0, 0, 0}},
		"top-p of top-k":    {Options{Temperature: 1, TopK: 3, TopP: 0.5}, []float64{0, 4. / 7, 0, 0, 3. / 7}},
		"top-k above top-p": {Options{Temperature: 1, TopK: 100, TopP: 0.75}, []float64{0, 4. / 9, 2. / 9, 0, 3. / 9}},
	} {
		got := shares(t, test.Options, logits, 4000)
		for i, want := range test.want {
			if math.Abs(got[i]-want) > 0.03 || want == 0 && got[i] != 0 {
				t.Errorf("%s: token %d has share %.3f, want %.3f", name, i, got[i], want)
			}
		}
	}
}

// Quickselect finds the tokens that sorting finds.
func TestTopKOfMany(t *testing.T) {
	d := golden.CPU(t)
	logits := tensor.NewGenerator(4).Normal(d, 1000).Values()
	sorted := slices.Clone(logits)
	slices.Sort(sorted)
	for _, k := range []int{1, 2, 37, 999} {
		for token, share := range shares(t, Options{Temperature: 3, TopK: k}, logits, 3000) {
			if share > 0 && logits[token] < sorted[1000-k] {
				t.Errorf("top-k %d samples token %d, which isn't among them", k, token)
			}
		}
	}
}

func TestUnusableLogits(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, logits := range [][]float32{{0, nan, 1}, {0, inf}, {-inf, -inf}} {
		var unusable *LogitsError
		if _, err := New(Default()).Sample(logits, tensor.NewGenerator(1)); !errors.As(err, &unusable) || !strings.Contains(err.Error(), "trained") {
			t.Errorf("sampling from %v: %v", logits, err)
		}
	}
}

func TestImpossibleOptions(t *testing.T) {
	for want, o := range map[string]Options{
		"Temperature -1":  {Temperature: -1},
		"Temperature NaN": {Temperature: math.NaN()},
		"TopK -2":         {TopK: -2},
		"TopP 1.5":        {TopP: 1.5},
		"Guidance +Inf":   {Guidance: math.Inf(1)},
	} {
		var field *fault.FieldError
		if err := o.Validate(); !errors.As(err, &field) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want an error about %s", err, want)
		}
	}
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
}

// A sampler takes the same numbers from a generator whatever the options, and gives these tokens for ever.
func TestSampledTokensStay(t *testing.T) {
	logits := tensor.NewGenerator(4).Normal(golden.CPU(t), 50).Values()
	for name, test := range map[string]struct {
		Options
		want []int32
	}{
		"plain": {Options{Temperature: 1}, []int32{37, 8, 36, 19, 27, 37, 29, 8, 11, 36, 37, 40}},
		"top-k": {Options{Temperature: 1.5, TopK: 7}, []int32{37, 13, 36, 28, 29, 37, 29, 13, 13, 37, 37, 37}},
		"top-p": {Options{Temperature: 1, TopP: 0.5}, []int32{37, 13, 37, 23, 29, 37, 36, 13, 13, 37, 37, 40}},
		"both":  {Options{Temperature: 0.7, TopK: 20, TopP: 0.8}, []int32{37, 13, 37, 28, 29, 37, 37, 13, 13, 37, 37, 40}},
	} {
		s, g := New(test.Options), tensor.NewGenerator(5)
		got := make([]int32, 12)
		for i := range got {
			var err error
			if got[i], err = s.Sample(logits, g); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: sampled %d, want %d", name, got, test.want)
		}
	}
}
