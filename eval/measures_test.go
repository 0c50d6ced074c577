package eval

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"gonum.org/v1/gonum/mat"
)

// madeFeatures are the features of testdata/make_golden.py.
func madeFeatures(seed uint64, n, dim int, shift, scale float32) Features {
	f := Features{Rows: make([]float32, n*dim), Dim: dim}
	state := seed
	for i := range f.Rows {
		total := uint64(0)
		for range 4 {
			state = state*6364136223846793005 + 1442695040888963407
			total += state >> 40
		}
		f.Rows[i] = float32(float64(total)/(1<<24) - 2)
	}
	for c := 1; c < dim; c++ {
		for i := range n {
			half := 0.5 * f.Rows[i*dim+c-1] // rounded before the sum
			f.Rows[i*dim+c] += half
		}
	}
	for i, v := range f.Rows {
		scaled := v * scale
		f.Rows[i] = scaled + shift
	}
	return f
}

// TestGolden compares the measures with pytorch-fid, prdc and numpy.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/measures.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Seed                                                              uint64
		N, M, Dim                                                         int
		Shift, Scale                                                      float32
		Frechet, Precision, Recall, Density, Coverage, Nearest, Threshold float64
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		real, fake := madeFeatures(c.Seed, c.N, c.Dim, 0, 1), madeFeatures(c.Seed+100, c.M, c.Dim, c.Shift, c.Scale)
		near := func(what string, got, want float64) {
			t.Helper()
			if !(math.Abs(got-want) <= 1e-6*math.Abs(want)) {
				t.Errorf("%s of case %d: %v, want %v", what, c.Seed, got, want)
			}
		}
		d, err := FrechetDistance(t.Context(), real, fake)
		if err != nil {
			t.Fatal(err)
		}
		near("Fréchet distance", d, c.Frechet)
		if d, err = FrechetDistance(t.Context(), fake, real); err != nil {
			t.Fatal(err)
		}
		near("Fréchet distance the other way", d, c.Frechet)
		m, err := MeasureManifold(t.Context(), real, fake)
		if err != nil {
			t.Fatal(err)
		}
		near("precision", m.Precision, c.Precision)
		near("recall", m.Recall, c.Recall)
		near("density", m.Density, c.Density)
		near("coverage", m.Coverage, c.Coverage)
		copies, err := MeasureCopies(t.Context(), fake, fake, real)
		if err != nil {
			t.Fatal(err)
		}
		near("nearest", meanDistance(copies.Samples), c.Nearest)
		near("threshold", copies.Threshold, c.Threshold)
	}
}

func meanDistance(all []Neighbour) (mean float64) {
	for _, n := range all {
		mean += n.Distance / float64(len(all))
	}
	return mean
}

// TestFrechetPaths compares both ways to the root of a product of covariances.
func TestFrechetPaths(t *testing.T) {
	a, b := madeFeatures(9, 60, 12, 0, 1), madeFeatures(10, 50, 12, 0.5, 2)
	_, x := centred(a, nil)
	_, y := centred(b, nil)
	few, err1 := rootOfFew(x, y)
	many, err2 := rootOfMany(x, y)
	if err := errors.Join(err1, err2); err != nil || math.Abs(few-many) > 1e-9*many {
		t.Errorf("%v and %v, %v", few, many, err)
	}
	if d, err := FrechetDistance(t.Context(), a, a); err != nil || d > 1e-9 {
		t.Errorf("distance of a set to itself: %v, %v", d, err)
	}
}

func TestEstimates(t *testing.T) {
	values := make([]float64, 400)
	for i := range values {
		values[i] = float64(i % 2)
	}
	e := EstimateMean(values)
	if half := 1.96 * 0.5 / 20; e.Value != 0.5 || math.Abs(e.Low-(0.5-half)) > 0.01 || math.Abs(e.High-(0.5+half)) > 0.01 {
		t.Errorf("a share of 0.5 of 400: %v", e)
	}
	if again := EstimateMean(values); again != e {
		t.Errorf("%v the second time, %v the first", again, e)
	}
	if e := EstimateShare(make([]float64, 100)); e.Value != 0 || e.Low != 0 || math.Abs(e.High-0.0362) > 1e-4 {
		t.Errorf("none of 100: %v", e)
	}
	if e := EstimateMean(nil); !math.IsNaN(e.Value) {
		t.Errorf("without values: %v", e)
	}
	a, b := madeFeatures(1, 150, 6, 0, 1), madeFeatures(2, 150, 6, 0.5, 1)
	f, err := EstimateFrechet(t.Context(), a, b, 100)
	if err != nil || !(f.Low < f.Value && f.Value < f.High) {
		t.Errorf("Fréchet distance %v, %v", f, err)
	}
	// The interval has the width that other samples of the same distributions show.
	var other []float64
	for seed := range uint64(100) {
		d, err := FrechetDistance(t.Context(), madeFeatures(1000+seed, 150, 6, 0, 1), madeFeatures(5000+seed, 150, 6, 0.5, 1))
		if err != nil {
			t.Fatal(err)
		}
		other = append(other, d)
	}
	slices.Sort(other)
	if width, want := f.High-f.Low, percentile(other, 0.975)-percentile(other, 0.025); width < want/1.6 || width > want*1.6 {
		t.Errorf("an interval of width %v, other samples spread by %v", width, want)
	}
}

// TestLinearFrechet compares the derivatives with differences, for fewer and for more rows than features, and the interval
// with that of distances which are computed one by one.
func TestLinearFrechet(t *testing.T) {
	for _, dim := range []int{6, 64} {
		a, b := madeFeatures(1, 50, dim, 0, 1), madeFeatures(2, 40, dim, 0.5, 1.5)
		want, err := FrechetDistance(t.Context(), a, b)
		if err != nil {
			t.Fatal(err)
		}
		value, byA, byB, err := linearFrechet(t.Context(), a, b)
		if err != nil || math.Abs(value-want) > 1e-9*want {
			t.Fatal(value, want, err)
		}
		// The distance of the sets in which picture 3 has the weight 1 + h, with mean and covariance as of weighted rows.
		const h = 1e-4
		for set, by := range [][]float64{byA, byB} {
			m1, x1 := centred(a, nil)
			m2, x2 := centred(b, nil)
			distance := func(h float64) float64 {
				n1, n2 := slices.Clone(m1), slices.Clone(m2)
				y1, y2 := mat.DenseCopyOf(x1), mat.DenseCopyOf(x2)
				mean, rows := n1, y1
				if set == 1 {
					mean, rows = n2, y2
				}
				count := float64(len(by))
				for c, v := range rows.RawRowView(3) {
					mean[c] += h / count * v * math.Sqrt(count-1)
				}
				for c, v := range rows.RawRowView(3) {
					rows.Set(3, c, v*math.Sqrt(1+h))
				}
				root, err := rootOfFew(y1, y2)
				if err != nil {
					t.Fatal(err)
				}
				d := sumSquares(y1) + sumSquares(y2) - 2*root
				for c := range n1 {
					d += (n1[c] - n2[c]) * (n1[c] - n2[c])
				}
				return d
			}
			if slope := (distance(h) - distance(-h)) / (2 * h); math.Abs(slope-by[3]) > 1e-5*(math.Abs(slope)+want/50) {
				t.Errorf("dim %d, set %d: derivative %v, by differences %v", dim, set, by[3], slope)
			}
		}
	}
	a, b := madeFeatures(1, 200, 6, 0, 1), madeFeatures(2, 200, 6, 0.5, 1.5)
	full, err := EstimateFrechet(t.Context(), a, b, 0)
	if err != nil {
		t.Fatal(err)
	}
	value, byA, byB, err := linearFrechet(t.Context(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	indexA, indexB := make([]int, 200), make([]int, 200)
	linear, err := estimate(value, frechetRounds, true, func(round int) (float64, error) {
		resample(indexA, 200, 1, uint32(round))
		resample(indexB, 200, 2, uint32(round))
		return resampledLinear(value, byA, byB, indexA, indexB), nil
	})
	if width, want := linear.High-linear.Low, full.High-full.Low; err != nil || math.Abs(width/want-1) > 0.2 {
		t.Errorf("interval %v by derivatives, %v by distances, %v", linear, full, err)
	}
}

// TestCopies checks that copied pictures are found and new ones are not.
func TestCopies(t *testing.T) {
	training, heldOut := madeFeatures(1, 300, 8, 0, 1), madeFeatures(2, 200, 8, 0, 1)
	fresh := madeFeatures(3, 200, 8, 0, 1)
	c, err := MeasureCopies(t.Context(), fresh, heldOut, training)
	if err != nil || c.Copies.Value > 0.04 || c.Copies.Floor.Value != 0.01 {
		t.Errorf("new pictures: %+v, %v", c, err)
	}
	copied := Features{slices.Clone(fresh.Rows), 8}
	copy(copied.Rows, training.Rows[8*7:8*57])
	if c, err = MeasureCopies(t.Context(), copied, heldOut, training); err != nil || c.Copies.Value < 0.25 || c.Samples[3] != (Neighbour{10, 0}) {
		t.Errorf("50 copies of 200: %+v, %v", c, err)
	}
}

func TestFeaturesAreChecked(t *testing.T) {
	ok := madeFeatures(1, 30, 4, 0, 1)
	bad := Features{slices.Clone(ok.Rows), 4}
	bad.Rows[7] = float32(math.NaN())
	for what, f := range map[string]Features{"another Dim": madeFeatures(1, 30, 5, 0, 1), "none": {}, "one": madeFeatures(1, 1, 4, 0, 1), "NaN": bad, "odd": {ok.Rows[:7], 4}} {
		var wrong *fault.FieldError
		if _, err := FrechetDistance(t.Context(), ok, f); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := MeasureManifold(t.Context(), f, ok); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
