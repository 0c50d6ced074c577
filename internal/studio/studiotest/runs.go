// Package studiotest makes run folders of small models for tests of the server.
package studiotest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
)

// part is a model of a run.
type part struct {
	name   string
	config any
	module nn.Module
}

// Runs makes runs in a folder: "birds" with generators for prompts, "pets" with a flow, "scenes" with a detector, and "broken", whose
// weights are cut off. Their models are not trained: they draw noise, and find it.
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
	if _, err := save(filepath.Join(dir, "pets"), pets, part{"autoencoder", a.Config(), a}, part{"flow", flow.Config, flow}); err != nil {
		return err
	}
	return detector(filepath.Join(dir, "scenes"), d)
}

// MAP50 is the mean average precision in the log of the detector.
const MAP50 = 0.625

// detector makes a run with a detector of birds, cats and dogs, and the log of its training.
func detector(dir string, d *tensor.Device) error {
	m, err := ssd.New(d, ssd.VOC(ssd.Small, 64, 3), tensor.NewGenerator(1))
	if err != nil {
		return err
	}
	r, err := run.Create(dir)
	if err != nil {
		return err
	}
	name := models.SSD.Name
	about := boxes.Description{Path: "scenes:1:40", Pictures: 36, Boxes: 90, HeldOut: 4}
	o := sample.DetectorOptions{Classes: []string{"bird", "cat", "dog"}, IDs: []int64{16, 17, 18}, Data: &about}
	if err := errors.Join(r.SetConfig(name, m.Config()), r.SetOptions(name, o), r.SaveWeights(name, weights.Of(m), nil)); err != nil {
		return err
	}
	log := fmt.Sprintf("{\"model\":%q,\"step\":10,\"loss\":7,\"held_out.map50\":0.1}\n{\"model\":%[1]q,\"step\":20,\"loss\":5,\"held_out.loss\":6,\"held_out.map50\":%v}\n", name, MAP50)
	return os.WriteFile(filepath.Join(dir, "metrics.jsonl"), []byte(log), 0o600)
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
