package sample

import (
	"context"
	"errors"
	"image"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

var smallSizes = autoencoder.Config{ImageSize: 32, Channels: []int{3, 4, 4, 4, 6, 6}, Hidden: 12, Embedding: 6}

func drawAnimals(t *testing.T, n int) *data.Dataset {
	t.Helper()
	d, err := drawn.New(9, n, drawn.Options{Size: 32})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// smallPets is a pipeline of untrained models, whose flow has seen the embeddings' averages and deviations only.
func smallPets(t *testing.T) *Pets {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	animals := drawAnimals(t, 64)
	a, err := autoencoder.New(d, smallSizes, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	g := tensor.NewGenerator(2)
	for _, p := range nn.Trainable(a) { // DCGAN's small weights would make all pictures alike
		if p.Tensor.Rank() > 1 {
			p.Tensor.Set(g.Normal(d, p.Tensor.Shape()...).Scale(0.2).Values())
		}
	}
	a.SetTraining(false)
	shape := flows.DefaultConfig(smallSizes.Embedding, 2)
	shape.Layers, shape.Hidden = 4, []int{16}
	flow, err := flows.NewRealNVP(d, shape, g)
	if err != nil {
		t.Fatal(err)
	}
	p := NewPets(d, data.Description{Path: "drawn", Classes: animals.Classes, Size: 32, Resize: "squash"}, a, flow)
	if err := flow.Fit(slices.Chunk(p.Embed(animals.Pixels), smallSizes.Embedding)); err != nil {
		t.Fatal(err)
	}
	flow.SetTraining(false)
	return p
}

func drawPictures(t *testing.T, p *Pets, o Options) []Picture {
	t.Helper()
	pictures, err := p.Sample(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return pictures
}

func TestSample(t *testing.T) {
	p := smallPets(t)
	const n = batch + 7 // more than go through the models at a time
	all := drawPictures(t, p, Options{Class: "dog", N: n, Seed: 3, Temperature: 0.8})
	if len(all) != n || !slices.IsSortedFunc(all, func(a, b Picture) int { return int(math.Copysign(1, b.LogDensity-a.LogDensity)) }) {
		t.Errorf("%d pictures, want %d, the most probable first", len(all), n)
	}
	again := drawPictures(t, p, Options{Class: "dog", N: n, Seed: 3, Temperature: 0.8})
	for i := range all {
		if !slices.Equal(all[i].Image.Pix, again[i].Image.Pix) || all[i].LogDensity != again[i].LogDensity {
			t.Fatalf("picture %d is another one the second time", i)
		}
		made, err := p.decode(all[i].Embedding)
		if err != nil || ComparePSNR(made, []*image.NRGBA{all[i].Image}) < 50 {
			t.Fatalf("picture %d isn't that of its embedding (%v)", i, err)
		}
		// The density is the flow's own, whatever the temperature.
		if want := p.logProb(all[i].Embedding)[1][0]; math.Abs(all[i].LogDensity-want) > 1e-3 {
			t.Errorf("picture %d: log-density %v, the flow says %v", i, all[i].LogDensity, want)
		}
	}
	for what, o := range map[string]Options{
		"seed":        {Class: "dog", Seed: 4, Temperature: 0.8},
		"class":       {Class: "cat", Seed: 3, Temperature: 0.8},
		"temperature": {Class: "dog", Seed: 3, Temperature: 0.9},
	} {
		same := drawPictures(t, p, Options{Class: "dog", Seed: 3, Temperature: 0.8})[0]
		if other := drawPictures(t, p, o)[0]; slices.Equal(same.Embedding, other.Embedding) {
			t.Errorf("another %s draws the same", what)
		}
	}
	best := drawPictures(t, p, Options{Class: "dog", N: 5, Candidates: n, Seed: 3, Temperature: 0.8})
	for i := range best {
		if best[i].LogDensity != all[i].LogDensity {
			t.Errorf("number %d of the best has log-density %v, want %v", i, best[i].LogDensity, all[i].LogDensity)
		}
	}
	if zero, one := drawPictures(t, p, Options{}), drawPictures(t, p, Options{Class: "cat", N: 1, Temperature: 1}); len(zero) != 1 || !slices.Equal(zero[0].Embedding, one[0].Embedding) {
		t.Error("the zero options aren't one picture of the first class at temperature 1")
	}
}

func TestSampleErrors(t *testing.T) {
	p := smallPets(t)
	for want, o := range map[string]Options{
		`"horse"`:          {Class: "horse"},
		"cat, dog":         {Class: "Dog"},
		"temperature -1":   {Temperature: -1},
		"temperature NaN":  {Temperature: math.NaN()},
		"temperature +Inf": {Temperature: math.Inf(1)},
		"-1 pictures":      {N: -1},
		"2 candidates":     {N: 3, Candidates: 2},
	} {
		if _, err := p.Sample(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want an error about %s", o, err, want)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Sample(ended, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	p.flow = nil
	_, err := p.Sample(context.Background(), Options{})
	_, walkErr := p.Walk(nil, nil, "cat", "dog", 3)
	for _, err := range []error{err, walkErr} {
		if err == nil || !strings.Contains(err.Error(), "train flow") {
			t.Errorf("without a flow: %v", err)
		}
	}
}

func TestWalk(t *testing.T) {
	p, animals := smallPets(t), drawAnimals(t, 4)
	walk, err := p.Walk(animals.Image(0), animals.Image(1), "cat", "dog", 9)
	if err != nil {
		t.Fatal(err)
	}
	ends, err := p.Reconstruct(animals.Pixels[:2*len(animals.Image(0))])
	if err != nil {
		t.Fatal(err)
	}
	if len(walk) != 9 || ComparePSNR(walk[:1], ends[:1]) < 50 || ComparePSNR(walk[8:], ends[1:]) < 50 {
		t.Errorf("a walk of %d pictures doesn't lead from one reconstruction to the other", len(walk))
	}
	if slices.Equal(walk[4].Pix, walk[0].Pix) || slices.Equal(walk[4].Pix, walk[8].Pix) {
		t.Error("the middle of a walk is one of its ends")
	}
	if _, err := p.Walk(animals.Image(0), animals.Image(1), "cat", "dog", 1); err == nil {
		t.Error("a walk of one picture was made")
	}
	half := animals.Image(1)[:100]
	if _, err := p.Walk(animals.Image(0), half, "cat", "dog", 2); err == nil || !strings.Contains(err.Error(), "no two pictures") {
		t.Errorf("to a part of a picture: %v", err)
	}
	if _, err := p.Reconstruct(half); err == nil || !strings.Contains(err.Error(), "no whole number of pictures") {
		t.Errorf("reconstruction of a part of a picture: %v", err)
	}
	if _, err := p.Walk(animals.Image(0), animals.Image(1), "cat", "cow", 2); err == nil || !strings.Contains(err.Error(), "cat, dog") {
		t.Errorf("to a class that doesn't exist: %v", err)
	}
}

func TestEvaluate(t *testing.T) {
	p, training := smallPets(t), drawAnimals(t, 70)
	heldOut := drawAnimals(t, 90).Where(func(i int) bool { return i >= 70 && (i%2 == 0 || i < 76) }) // 10 cats, 3 dogs
	e, err := p.Evaluate(context.Background(), heldOut, training, 1)
	if err != nil {
		t.Fatal(err)
	}
	made, err := p.Reconstruct(heldOut.Pixels)
	if err != nil {
		t.Fatal(err)
	}
	originals := make([]*image.NRGBA, heldOut.Len())
	for i := range originals {
		originals[i] = FromRGB(heldOut.Image(i), 32, 32)
	}
	if want := ComparePSNR(originals, made); math.Abs(e.Reconstruction.PSNR-want) > 0.05 {
		t.Errorf("PSNR %v, that of the pictures is %v", e.Reconstruction.PSNR, want)
	}
	f := e.Flow
	if e.Pictures != 13 || f.MajorityRate != 10.0/13 || f.Accuracy < 0 || f.Accuracy > 1 {
		t.Errorf("%+v", f)
	}
	if want := (10*f.NLLByClass["cat"] + 3*f.NLLByClass["dog"]) / 13; math.Abs(f.NLL-want) > 1e-9 {
		t.Errorf("NLL %v, by class %v", f.NLL, f.NLLByClass)
	}
	if want := f.NLL / 6 / math.Ln2; math.Abs(f.BitsPerDim-want) > 1e-9 {
		t.Errorf("%v bits a dimension, want %v", f.BitsPerDim, want)
	}
	nearest := f.Nearest
	if nearest.Samples != 70 || !(nearest.SampleToTraining > 0 && nearest.HeldOutToTraining > 0 && nearest.TrainingToTraining > 0 && nearest.HeldOutToSample > 0) {
		t.Errorf("%+v", nearest)
	}

	copies, err := p.Evaluate(context.Background(), training, training, 1)
	if err != nil {
		t.Fatal(err)
	}
	if d := copies.Flow.Nearest; d.HeldOutToTraining != 0 || d.TrainingToTraining == 0 {
		t.Errorf("the training pictures themselves are %v from the training pictures, %v from each other", d.HeldOutToTraining, d.TrainingToTraining)
	}

	// Classes may be in another order, and are known by name.
	turned := *heldOut
	turned.Classes, turned.Labels = []string{"dog", "cat"}, make([]int, heldOut.Len())
	for i := range turned.Labels {
		turned.Labels[i] = 1 - heldOut.Label(i)
	}
	if same, err := p.MeasureFlow(&turned); err != nil || same.NLL != f.NLL || same.Accuracy != f.Accuracy {
		t.Errorf("with classes in another order: %+v (%v), want %+v", same, err, f)
	}
	turned.Classes = []string{"owl", "cat"}
	if _, err := p.Evaluate(context.Background(), &turned, nil, 1); err == nil || !strings.Contains(err.Error(), `"owl"`) {
		t.Errorf("with a class that the run doesn't know: %v", err)
	}
	large, err := drawn.New(1, 2, drawn.Options{Size: 64})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Evaluate(context.Background(), large, nil, 1); err == nil || !strings.Contains(err.Error(), "64") {
		t.Errorf("with pictures of another size: %v", err)
	}
}

// TestOpenPets saves the models to a run folder and expects what it loads to draw the same.
func TestOpenPets(t *testing.T) {
	p := smallPets(t)
	dir := filepath.Join(t.TempDir(), "run")
	r, err := run.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	save := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	save(r.SetData(p.data))
	save(r.SetConfig("autoencoder", p.autoencoder.Config()))
	save(r.SaveWeights("autoencoder", weights.Of(p.autoencoder), nil))
	if half, err := OpenPets(dir, p.device); err != nil || half.needFlow() == nil {
		t.Errorf("a run without a flow: %v", err)
	}
	save(r.SetConfig("flow", p.flow.Config))
	save(r.SaveWeights("flow", weights.Of(p.flow), nil))
	loaded, err := OpenPets(dir, p.device)
	if err != nil {
		t.Fatal(err)
	}
	a, b := drawPictures(t, p, Options{Class: "dog", Seed: 5}), drawPictures(t, loaded, Options{Class: "dog", Seed: 5})
	if !slices.Equal(a[0].Image.Pix, b[0].Image.Pix) || a[0].LogDensity != b[0].LogDensity {
		t.Error("the loaded models draw another picture")
	}
	for sum, good := range map[string]bool{nn.Checksum(p.autoencoder): true, "00000000": false} {
		save(r.SetOptions("flow", map[string]string{"autoencoder": sum}))
		again, err := OpenPets(dir, p.device)
		save(err)
		if err := again.needFlow(); (err == nil) != good || !good && !strings.Contains(err.Error(), "other weights of the autoencoder (00000000, now ") {
			t.Errorf("a flow trained with an autoencoder of checksum %s: %v", sum, err)
		}
		if _, err := again.Reconstruct(make([]uint8, 3*p.Size()*p.Size())); err != nil {
			t.Errorf("reconstruction, which needs no flow: %v", err)
		}
	}

	wrong := p.data
	wrong.Classes = append(loaded.Classes(), "owl")
	save(r.SetData(wrong))
	if _, err := OpenPets(dir, p.device); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("with a class more than the flow has: %v", err)
	}
	if _, err := OpenPets(t.TempDir(), p.device); err == nil || !strings.Contains(err.Error(), "no run folder") {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestSaved(t *testing.T) {
	p, animals := smallPets(t), drawAnimals(t, 5)
	dir := t.TempDir()
	if err := SaveClasses(filepath.Join(dir, "classes.png"), p, 3, 0.8, 1); err != nil {
		t.Error(err)
	}
	made, err := p.Reconstruct(animals.Pixels)
	if err != nil {
		t.Fatal(err)
	}
	if err := SaveReconstructions(filepath.Join(dir, "made.png"), animals.Pixels, 32, made); err != nil {
		t.Error(err)
	}
	if err := SaveClasses(filepath.Join(dir, "missing", "classes.png"), p, 3, 0.8, 1); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("to a folder that doesn't exist: %v", err)
	}
}
