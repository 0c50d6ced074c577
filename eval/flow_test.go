package eval

import (
	"image"
	"math"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

func openDevice(t testing.TB) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func smallFlow(t testing.TB) *sample.Flow {
	t.Helper()
	d := openDevice(t)
	a, flow := toy.Flow(d)
	p, err := sample.NewFlow(d, toy.PetData(), sample.FlowModels{Autoencoder: a, Flow: flow})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEvaluate(t *testing.T) {
	p, training := smallFlow(t), toy.Pets(70)
	heldOut := toy.Pets(90).Where(func(i int) bool { return i >= 70 && (i%2 == 0 || i < 76) }) // 10 cats, 3 dogs
	e, err := EvaluateFlow(t.Context(), p, heldOut, training, 1)
	if err != nil {
		t.Fatal(err)
	}
	made, err := p.Reconstruct(t.Context(), heldOut.Pixels)
	if err != nil {
		t.Fatal(err)
	}
	originals := make([]*image.NRGBA, heldOut.Len())
	for i := range originals {
		originals[i] = sample.Split(heldOut.Image(i), 32, 3)[0]
	}
	if want := ImagePSNR(originals, made); math.Abs(e.Reconstruction.PSNR-want) > 0.05 {
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

	copies, err := EvaluateFlow(t.Context(), p, training, training, 1)
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
	if same, err := MeasureDensity(t.Context(), p, &turned); err != nil || same.NLL != f.NLL || same.Accuracy != f.Accuracy {
		t.Errorf("with classes in another order: %+v (%v), want %+v", same, err, f)
	}
	turned.Classes = []string{"owl", "cat"}
	if _, err := EvaluateFlow(t.Context(), p, &turned, nil, 1); err == nil || !strings.Contains(err.Error(), `"owl"`) {
		t.Errorf("with a class that the run doesn't know: %v", err)
	}
	large, err := drawn.New(1, 2, drawn.Options{Size: 64})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := EvaluateFlow(t.Context(), p, large, nil, 1); err == nil || !strings.Contains(err.Error(), "64") {
		t.Errorf("with pictures of another size: %v", err)
	}
}
