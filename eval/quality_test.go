package eval

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// toyJudge is an untrained classifier.
func toyJudge(t *testing.T, d *tensor.Device, size int, attributes bool, classes ...string) *Judge {
	t.Helper()
	m, err := classifier.New(d, classifier.Config{ImageSize: size, Channels: 3, Classes: classes, Attributes: attributes, Widths: []int{4, 6}, Blocks: 1}, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	m.SetTraining(false)
	j, err := NewJudge(d, m, data.Description{})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// shows is a generator that draws the pictures of a dataset: picture i for request i.
func shows(d *data.Dataset, classes []string) *sample.Generator {
	return &sample.Generator{
		Model: "shows", Size: d.Size, Channels: 3, Classes: classes,
		Draw: func(_ context.Context, requests []sample.Request, _ sample.DrawOptions) ([]*image.NRGBA, error) {
			return sample.Split(d.Pixels, d.Size, 3)[:len(requests)], nil
		},
	}
}

// TestQualityFindsCopies measures a generator that draws new pictures, one that copies, and one that mirrors copies.
func TestQualityFindsCopies(t *testing.T) {
	all := toy.Pets(160)
	heldOut, training := all.Where(func(i int) bool { return i < 40 }), all.Where(func(i int) bool { return i >= 40 && i < 120 })
	fresh := all.Where(func(i int) bool { return i >= 120 })
	r, err := NewReference(t.Context(), heldOut, training, QualityOptions{Judges: []*Judge{toyJudge(t, openDevice(t), toy.PetSize, false, all.Classes...)}, Resamples: 20})
	if err != nil {
		t.Fatal(err)
	}
	measure := func(d *data.Dataset) *Quality {
		t.Helper()
		q, err := r.Measure(t.Context(), shows(d, all.Classes))
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	good, copied, mirror := measure(fresh), measure(training), measure(mirrored(training))
	if good.CopiesPixels.Copies.Value > 0.1 || copied.CopiesPixels.Copies.Value != 1 || mirror.CopiesPixels.Copies.Value != 1 {
		t.Errorf("copies in pixels: %v of new pictures, %v of copies, %v of mirrored ones", good.CopiesPixels.Copies, copied.CopiesPixels.Copies, mirror.CopiesPixels.Copies)
	}
	if good.CopiesFeatures.Copies.Value > 0.1 || copied.CopiesFeatures.Copies.Value != 1 || mirror.CopiesFeatures.Copies.Value != 1 || copied.CopiesFeatures.Training != 160 {
		t.Errorf("copies in features: %v of new pictures, %v of copies, %v of mirrored ones", good.CopiesFeatures.Copies, copied.CopiesFeatures.Copies, mirror.CopiesFeatures.Copies)
	}
	noise := measure(&data.Dataset{Size: toy.PetSize, Pixels: make([]uint8, len(fresh.Pixels)), Labels: make([]int, fresh.Len())})
	if !(noise.Frechet.Value > 10*good.Frechet.Value && noise.Frechet.Value > noise.Frechet.Floor.High) || noise.Coverage.Value > 0.1 || good.Coverage.Value < 0.5 || good.Precision.Floor == nil {
		t.Errorf("black pictures: %v, coverage %v; new ones: %v, coverage %v", noise.Frechet, noise.Coverage, good.Frechet, good.Coverage)
	}
	if good.Samples != 40 || good.FrechetName != "Fréchet distance in own features" || good.ClassAccuracy == nil || good.Bayes != nil || len(good.Images()) != 40 {
		t.Errorf("%+v", good)
	}
	good.SetBeside(noise)
	if good.Frechet.Beside.Value != noise.Frechet.Value || good.CopiesPixels.Copies.Beside == nil || good.Beside != "shows" {
		t.Errorf("beside: %+v", good.Frechet)
	}
	table := Table(good, copied)
	for _, want := range []string{"Fréchet distance in own features", "copies in pixels", "real photos", "1 ["} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	page, err := r.CopyPage(copied)
	if err != nil || page.Bounds().Dx() < 8*toy.PetSize {
		t.Errorf("page: %v", err)
	}
	again := measure(fresh)
	if *again.Frechet.Floor != *good.Frechet.Floor || again.Frechet.Estimate != good.Frechet.Estimate {
		t.Error("another Fréchet distance the second time")
	}
}

// TestClassOfBreeds checks how classes of a classifier stand for those of the pictures.
func TestClassOfBreeds(t *testing.T) {
	pets := toy.Pets(20)
	pets.Labels = slices.Repeat([]int{0, 1}, 10)
	r, err := NewReference(t.Context(), pets, nil, QualityOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d := openDevice(t)
	check := func(j *Judge, row []float64, want float64) {
		t.Helper()
		photos := slices.Repeat([][]float64{row}, 20)
		for i := range photos { // a cat is like row, a dog the other way round
			if i%2 == 1 {
				photos[i] = slices.Clone(row)
				slices.Reverse(photos[i])
			}
		}
		q := &Quality{}
		if err := r.judgeClasses(t.Context(), q, j, photos, photos); err != nil || q.ClassAccuracy.Value != want {
			t.Errorf("%v: %v, %v, want %v", row, q.ClassAccuracy, err, want)
		}
	}
	check(toyJudge(t, d, 32, false, "persian", "tabby", "poodle"), []float64{0.6, 0.3, 0.1}, 1)
	check(toyJudge(t, d, 32, false, "cat", "owl", "dog"), []float64{0.5, 0.3, 0.2}, 1)
	check(toyJudge(t, d, 32, false, "cat", "owl", "dog"), []float64{0.3, 0.5, 0.2}, 0) // takes both for owls
	one := *pets
	one.Classes, one.Labels = []string{"cat"}, make([]int, 20)
	if r, err = NewReference(t.Context(), &one, nil, QualityOptions{}); err != nil {
		t.Fatal(err)
	}
	q := &Quality{}
	if err := r.judgeClasses(t.Context(), q, toyJudge(t, d, 32, false, "owl", "newt"), nil, nil); err != nil || q.ClassAccuracy != nil {
		t.Error(q.ClassAccuracy, err)
	}
	three := *pets
	three.Classes = []string{"persian", "tabby", "poodle"}
	if r, err = NewReference(t.Context(), &three, nil, QualityOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := r.judgeClasses(t.Context(), q, toyJudge(t, d, 32, false, "cat", "dog"), nil, nil); err != nil || q.ClassAccuracy != nil {
		t.Errorf("two classes tell three apart: %v, %v", q.ClassAccuracy, err)
	}
}

// TestBayes checks accuracies by densities that are known.
func TestBayes(t *testing.T) {
	pets := toy.Pets(60)
	training := pets.Where(func(i int) bool { return pets.Label(i) == 0 || i%6 == 1 }) // mostly class 0
	g := shows(pets, pets.Classes)
	right := 0
	g.LogDensity = func(_ context.Context, pixels []uint8) ([][]float64, error) {
		n := len(pixels) / (toy.PetSize * toy.PetSize * 3)
		density := [][]float64{make([]float64, n), make([]float64, n)}
		for i := range n { // slightly in favour of class 1 always, strongly for a few of class 1
			density[1][i] = 0.1
			if pets.Label(i) == 1 && i%4 == 1 {
				density[1][i] = 9
				right++
			}
		}
		return density, nil
	}
	r, err := NewReference(t.Context(), pets, training, QualityOptions{})
	if err != nil {
		t.Fatal(err)
	}
	q, err := r.Measure(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	ones := 0.0
	for _, label := range pets.Labels {
		ones += float64(label)
	}
	if want := (float64(right) + 60 - ones) / 60; math.Abs(q.Bayes.Value-ones/60) > 1e-9 || math.Abs(q.BayesWithPrior.Value-want) > 1e-9 || right == 0 {
		t.Errorf("without prior %v, want %v; with prior %v, want %v", q.Bayes, ones/60, q.BayesWithPrior, want)
	}
	if q.MajorityRate.Value != max(ones, 60-ones)/60 {
		t.Errorf("majority %v", q.MajorityRate)
	}
}

// TestQualityOfText measures a generator for prompts: attributes and retrieval.
func TestQualityOfText(t *testing.T) {
	b, birds := smallTextToImage(t), toy.Birds(60)
	g, err := b.Generator()
	if err != nil {
		t.Fatal(err)
	}
	heldOut, training := birds.Where(func(i int) bool { return i < 20 }), birds.Where(func(i int) bool { return i >= 20 })
	colours := []string{"red", "yellow", "white", "blue", "black"}
	o := QualityOptions{Samples: 8, CLIP: b, Resamples: 10}
	r, err := NewReference(t.Context(), heldOut, training, o)
	if err != nil {
		t.Fatal(err)
	}
	q, err := r.Measure(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	if q.Samples != 8 || q.Retrieval == nil || q.Retrieval.Candidates > 20 || q.Retrieval.Top5.Value < q.Retrieval.Top1.Value || q.Retrieval.Top1.Floor == nil || q.Bayes != nil || q.ReconstructionPSNR == nil {
		t.Errorf("%+v, %+v", q, q.Retrieval)
	}
	// A classifier that sees nothing but what its bias says, by hand.
	requests := []sample.Request{{Prompt: "a red bird with white wings"}, {Prompt: "a yellow bird"}, {Prompt: "a bird"}}
	r.chosen = []int{0, 1, 2}
	see := [][]float64{{0.9, 0, 0.1, 0, 0}, {0.9, 0.8, 0.9, 0, 0}, {0, 0, 0, 0, 0}}
	real := slices.Repeat([][]float64{{1, 1, 1, 1, 1}}, 20)
	r.judgeAttributes(q, colours, requests, see, real)
	if q.Attributes.Value != 0.75 || q.Attributes.Floor.Value != 1 || q.AttributesShuffled.Value != 0 { // 1/2 and 1; yellow on the first, red and white on the third
		t.Errorf("attributes %v, shuffled %v", q.Attributes, q.AttributesShuffled)
	}
}

func TestOthers(t *testing.T) {
	seen := map[int]bool{}
	for stream := range uint32(200) {
		chosen := others(30, 7, 10, stream)
		sorted := slices.Sorted(slices.Values(chosen))
		if len(slices.Compact(sorted)) != 10 || slices.Contains(chosen, 7) {
			t.Fatalf("%v are not ten others", chosen)
		}
		for _, i := range chosen {
			seen[i] = true
		}
	}
	if len(seen) != 29 {
		t.Errorf("%d others are ever chosen, want 29", len(seen))
	}
}

func TestMeasureClassifier(t *testing.T) {
	d, pets := openDevice(t), toy.Pets(24)
	f, err := MeasureClassifier(t.Context(), toyJudge(t, d, toy.PetSize, false, "owl", "dog", "cat"), pets)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, row := range f.Confusion {
		for _, n := range row {
			total += n
		}
	}
	right := f.Confusion[0][0] + f.Confusion[1][1] + f.Confusion[2][2]
	if total != 24 || math.Abs(f.Accuracy-float64(right)/24) > 1e-9 || len(f.Recall) != 2 || f.Loss <= 0 || f.MajorityRate < 0.5 {
		t.Errorf("%+v", f)
	}
	a := attributeFigures([]string{"red", "blue"}, []float32{1, 0, 1, 0, 0, 1}, [][]float64{{0.9, 0.6}, {0.2, 0.1}, {0.7, 0.8}})
	if red := a.Attributes["red"]; red.Precision != 0.5 || red.Recall != 0.5 || math.Abs(a.Accuracy-0.5) > 1e-9 {
		t.Errorf("%+v", a)
	}
}

// TestQualityErrors checks that what can't be measured is one sentence about a field.
func TestQualityErrors(t *testing.T) {
	d, pets, birds := openDevice(t), toy.Pets(20), toy.Birds(20)
	reference := func(set *data.Dataset, o QualityOptions) *Reference {
		r, err := NewReference(t.Context(), set, nil, o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	uncaptioned := *birds
	uncaptioned.Captions = nil
	measure := func(r *Reference, g *sample.Generator) error { _, err := r.Measure(t.Context(), g); return err }
	create := func(set *data.Dataset, o QualityOptions) error {
		_, err := NewReference(t.Context(), set, nil, o)
		return err
	}
	for want, err := range map[string]error{
		"reads pictures of 64 pixels": create(pets, QualityOptions{Judges: []*Judge{toyJudge(t, d, 64, false, "cat", "dog")}}),
		"too few to measure":          create(pets.Where(func(i int) bool { return i < 5 }), QualityOptions{}),
		"there are none":              create(nil, QualityOptions{}),
		"Samples -1":                  create(pets, QualityOptions{Samples: -1}),
		"the shows draws 16 with 3":   measure(reference(pets, QualityOptions{}), shows(birds, nil)),
		"need a caption each":         measure(reference(&uncaptioned, QualityOptions{}), shows(birds, nil)),
		"have the classes cat, dog":   measure(reference(pets, QualityOptions{}), shows(pets, []string{"owl"})),
	} {
		var wrong *fault.FieldError
		if !errors.As(err, &wrong) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := MeasureClassifier(t.Context(), toyJudge(t, d, 32, true, "red"), pets); err == nil || !strings.Contains(err.Error(), "no captions") {
		t.Errorf("attributes without captions: %v", err)
	}
	r := reference(pets, QualityOptions{})
	q, err := r.Measure(t.Context(), shows(pets, pets.Classes))
	if err != nil || q.CopiesPixels != nil {
		t.Error(q, err)
	}
	if _, err := r.CopyPage(q); err == nil {
		t.Error("a page without training pictures")
	}
}
