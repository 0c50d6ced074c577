package dalle

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/tensor"
)

// shares draws many times and returns how often each token came.
func shares(t *testing.T, s Sampling, logits []float32, n int) []float64 {
	t.Helper()
	counts := make([]float64, len(logits))
	draws, random := sampler{Sampling: s}, tensor.NewGenerator(11)
	for range n {
		token, err := draws.draw(logits, random)
		if err != nil {
			t.Fatal(err)
		}
		counts[token] += 1 / float64(n)
	}
	return counts
}

func TestDraw(t *testing.T) {
	// Probabilities 0.1, 0.4, 0.2, 0, 0.3.
	logits := make([]float32, 5)
	for i, p := range []float64{0.1, 0.4, 0.2, 0, 0.3} {
		logits[i] = float32(math.Log(p)) + 7
	}
	for name, test := range map[string]struct {
		Sampling
		want []float64
	}{
		"plain":             {Sampling{Temperature: 1}, []float64{0.1, 0.4, 0.2, 0, 0.3}},
		"all of them":       {Sampling{Temperature: 1, TopK: 5, TopP: 1}, []float64{0.1, 0.4, 0.2, 0, 0.3}},
		"colder":            {Sampling{Temperature: 0.5}, []float64{1. / 30, 16. / 30, 4. / 30, 0, 9. / 30}},
		"greedy":            {Sampling{}, []float64{0, 1, 0, 0, 0}},
		"top-k":             {Sampling{Temperature: 1, TopK: 2}, []float64{0, 4. / 7, 0, 0, 3. / 7}},
		"top-k 1":           {Sampling{Temperature: 1, TopK: 1}, []float64{0, 1, 0, 0, 0}},
		"top-p":             {Sampling{Temperature: 1, TopP: 0.75}, []float64{0, 4. / 9, 2. / 9, 0, 3. / 9}},
		"top-p of one":      {Sampling{Temperature: 1, TopP: 0.01}, []float64{0, 1, 0, 0, 0}},
		"top-p of top-k":    {Sampling{Temperature: 1, TopK: 3, TopP: 0.5}, []float64{0, 4. / 7, 0, 0, 3. / 7}},
		"top-k above top-p": {Sampling{Temperature: 1, TopK: 100, TopP: 0.75}, []float64{0, 4. / 9, 2. / 9, 0, 3. / 9}},
	} {
		got := shares(t, test.Sampling, logits, 4000)
		for i, want := range test.want {
			if math.Abs(got[i]-want) > 0.03 || want == 0 && got[i] != 0 {
				t.Errorf("%s: token %d has share %.3f, want %.3f", name, i, got[i], want)
			}
		}
	}
}

// The heap ranks as sorting does.
func TestTopKOfMany(t *testing.T) {
	d := golden.CPU(t)
	logits := tensor.NewGenerator(4).Normal(d, 1000).Values()
	sorted := slices.Clone(logits)
	slices.Sort(sorted)
	for _, k := range []int{1, 2, 37, 999} {
		for token, share := range shares(t, Sampling{Temperature: 3, TopK: k}, logits, 3000) {
			if share > 0 && logits[token] < sorted[1000-k] {
				t.Errorf("top-k %d draws token %d, which isn't among them", k, token)
			}
		}
	}
}

func TestDrawFromNonsense(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, logits := range [][]float32{{0, nan, 1}, {0, inf}, {-inf, -inf}} {
		s := sampler{Sampling: DefaultSampling()}
		if _, err := s.draw(logits, tensor.NewGenerator(1)); err == nil || !strings.Contains(err.Error(), "trained") {
			t.Errorf("drawing from %v: %v", logits, err)
		}
	}
}

func TestImpossibleSampling(t *testing.T) {
	for want, s := range map[string]Sampling{
		"temperature -1":  {Temperature: -1},
		"temperature NaN": {Temperature: math.NaN()},
		"top-k -2":        {TopK: -2},
		"top-p 1.5":       {TopP: 1.5},
		"guidance +Inf":   {Guidance: math.Inf(1)},
	} {
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %s", err, want)
		}
	}
	if err := DefaultSampling().Validate(); err != nil {
		t.Error(err)
	}
}
