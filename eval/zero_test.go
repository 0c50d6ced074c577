package eval

import (
	"context"
	"errors"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/internal/zerotest"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestZeroValues calls everything with nil pipelines, nil data and zero values.
func TestZeroValues(t *testing.T) {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	a, flow := toy.Flow(d)
	p, err := sample.NewFlow(d, toy.PetData(), sample.FlowModels{Autoencoder: a, Flow: flow})
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]any{
		"MeasureCLIP": MeasureCLIP, "MeasureDALLE": MeasureDALLE, "MeasureCodec": MeasureCodec, "MeasureGenerated": MeasureGenerated,
		"EvaluateTextToImage": EvaluateTextToImage, "MeasureDensity": MeasureDensity, "MeasureReconstruction": MeasureReconstruction,
		"MeasureNearest": MeasureNearest, "EvaluateFlow": EvaluateFlow,
	} {
		zerotest.Refuses(t, name+" of nothing", f, nil)
	}
	for name, f := range map[string]any{
		"MeasureDensity": MeasureDensity, "MeasureReconstruction": MeasureReconstruction, "MeasureNearest": MeasureNearest, "EvaluateFlow": EvaluateFlow,
	} {
		zerotest.Refuses(t, name+" without data", f, map[int]any{1: p})
		zerotest.Refuses(t, name+" on empty data", f, map[int]any{1: p, 2: &data.Dataset{}})
		zerotest.Refuses(t, name+" of an empty pipeline", f, map[int]any{1: &sample.Flow{}, 2: toy.Pets(4)})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, f := range map[string]func() error{
		"MeasureDensity":        func() error { _, err := MeasureDensity(ended, p, toy.Pets(4)); return err },
		"MeasureReconstruction": func() error { _, err := MeasureReconstruction(ended, p, toy.Pets(4)); return err },
		"MeasureNearest":        func() error { _, err := MeasureNearest(ended, p, toy.Pets(4), toy.Pets(4), 1); return err },
		"EvaluateFlow":          func() error { _, err := EvaluateFlow(ended, p, toy.Pets(4), toy.Pets(4), 1); return err },
	} {
		if err := f(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context: %v", name, err)
		}
	}
	zerotest.Refuses(t, "MeasureNearest without training data", MeasureNearest, map[int]any{1: p, 2: toy.Pets(4)})
	for name, f := range map[string]any{
		"MeasureCLIP": MeasureCLIP, "MeasureDALLE": MeasureDALLE, "MeasureCodec": MeasureCodec, "MeasureGenerated": MeasureGenerated,
		"EvaluateTextToImage": EvaluateTextToImage,
	} {
		zerotest.Refuses(t, name+" of an empty pipeline", f, map[int]any{1: &sample.TextToImage{}, 2: toy.Birds(4)})
	}
	for _, v := range []any{
		&CLIPFigures{}, &DALLEFigures{}, &Density{}, &FlowReport{}, &GeneratedFigures{}, &Nearest{}, &Options{}, &Reconstruction{},
		&Retrieval{}, &TextToImageReport{}, &CodecFigures{},
	} {
		zerotest.Methods(t, v)
	}
	PSNR(0)
	ImagePSNR(nil, nil)
	Deviations(nil, 0)
}
