package main

import (
	"github.com/bestiary-ml/bestiary/data"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/train/tasks"
)

// openBirds loads the models of --run that turn words into pictures.
func openBirds(dir string, device *deviceFlags) (*sample.Birds, error) {
	if dir == "" {
		return nil, usagef("--run is missing: name the run folder, for example --run runs/birds")
	}
	d, err := device.open()
	if err != nil {
		return nil, err
	}
	return sample.OpenBirds(dir, d)
}

// captionedData are the pictures with captions that models of a run were trained on, which need not be those of its discrete VAE.
func captionedData(dir string) (all []data.Description) {
	r, err := runfolder.Open(dir)
	for _, model := range []string{"dalle", "clip"} {
		var how tasks.CaptionOptions
		if err == nil && r.Options(model, &how) == nil { // imported models have none
			all = append(all, how.Data)
		}
	}
	return all
}

// ofBirds tells whether a run has models of birds from words, and none of pets by flow.
func ofBirds(dir string) bool {
	r, err := runfolder.Open(dir)
	return err == nil && !r.HasWeights("autoencoder") && (r.HasWeights("dvae") || r.HasWeights("dalle") || r.HasWeights("clip"))
}
