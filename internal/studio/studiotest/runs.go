// Package studiotest makes run folders of small models for tests of the server.
package studiotest

import (
	"os"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// part is a model of a run.
type part struct {
	name   string
	config any
	module nn.Module
}

// Runs makes runs in a folder: "birds" with generators for prompts, "pets" with a flow, and "broken", whose weights are
// cut off. Their models are not trained: they draw noise.
func Runs(dir string, d *tensor.Device) error {
	vae, model, tokens, judge := toy.TextToImage(d, 3)
	masked, _, _ := toy.Generators(d, 3)
	birds := toy.BirdData()
	birds.Path, birds.Pictures, birds.Split, birds.HeldOut = "birds:5:40", 40, "all", 0
	for _, name := range []string{"birds", "broken"} {
		r, err := save(filepath.Join(dir, name), birds, part{"dvae", vae.Config(), vae}, part{"dalle", model.Config(), model},
			part{"clip", judge.Config(), judge}, part{"maskgit", masked.Config(), masked})
		if err != nil {
			return err
		}
		if err := r.SetTokenizer(tokens, ""); err != nil {
			return err
		}
	}
	if err := os.Truncate(filepath.Join(dir, "broken", "dalle.safetensors"), 1000); err != nil {
		return err
	}
	a, flow := toy.Flow(d)
	pets := toy.PetData()
	pets.Path, pets.Pictures, pets.Split = "drawn:5:40", 40, "all"
	_, err := save(filepath.Join(dir, "pets"), pets, part{"autoencoder", a.Config(), a}, part{"flow", flow.Config, flow})
	return err
}

func save(dir string, data any, parts ...part) (*run.Run, error) {
	r, err := run.Create(dir)
	if err != nil {
		return nil, err
	}
	if err := r.SetData(data); err != nil {
		return nil, err
	}
	for _, p := range parts {
		if _, ok := models.Lookup(p.name); !ok {
			panic(p.name)
		}
		if err := r.SetConfig(p.name, p.config); err != nil {
			return nil, err
		}
		if err := r.SaveWeights(p.name, weights.Of(p.module), nil); err != nil {
			return nil, err
		}
	}
	return r, nil
}
