package main

import (
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/sample"
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

// ofBirds tells whether a run has models of birds from words, and none of pets by flow.
func ofBirds(dir string) bool {
	r, err := runfolder.Open(dir)
	return err == nil && !r.HasWeights("autoencoder") && (r.HasWeights("dvae") || r.HasWeights("dalle") || r.HasWeights("clip"))
}
