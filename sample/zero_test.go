package sample

import (
	"image"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/internal/zerotest"
)

// TestZeroValues calls everything with nil devices, nil models and zero values.
func TestZeroValues(t *testing.T) {
	d := openDevice(t)
	p, b := flowOn(t, d), textToImageOn(t, d, 3)
	for name, f := range map[string]any{
		"NewFlow": NewFlow, "OpenFlow": OpenFlow, "OpenTextToImage": OpenTextToImage, "NewTextToImage": NewTextToImage,
		"NewDetector": NewDetector, "OpenDetector": OpenDetector, "SaveClasses": SaveClasses, "Flow.Interpolate": p.Interpolate, "Flow.Use": p.Use,
		"TextToImage.Generate": b.Generate, "TextToImage.CompleteText": b.CompleteText, "TextToImage.Use": b.Use,
	} {
		zerotest.Refuses(t, name, f, nil)
	}
	zerotest.Refuses(t, "NewFlow without models", NewFlow, map[int]any{0: d, 1: toy.PetData()})
	zerotest.Refuses(t, "SaveClasses without a path", SaveClasses, map[int]any{2: p})
	zerotest.Refuses(t, "Interpolate", p.Interpolate, map[int]any{1: Ends{From: []uint8{1}, To: []uint8{2}}, 2: 3})
	zerotest.Refuses(t, "Generate", b.Generate, map[int]any{1: GenerateOptions{Prompts: prompts, Prime: &image.NRGBA{}, PrimeRows: 1}})
	for _, v := range []any{
		p, b, &Flow{}, &TextToImage{}, &Detector{}, &DetectorOptions{}, &FlowModels{}, &FlowOptions{}, &GenerateOptions{}, &Generated{}, &Options{}, &CompleteOptions{},
		&Picture{}, &PromptError{}, &Rows{}, &TextToImageModels{}, &Ends{},
	} {
		zerotest.Methods(t, v)
	}
}
