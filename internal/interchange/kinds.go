package interchange

import (
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
)

// importers says, for each kind of models, where a checkpoint has its configuration and its model. A kind that is read from
// checkpoints has a line here.
var importers = []struct {
	kind   string
	config func(c *Checkpoint) any // nil: the checkpoint has none
	module func(m Models) nn.Module
}{
	{models.DVAE.Name, func(c *Checkpoint) any { return config(c.VAE) }, func(m Models) nn.Module { return m.VAE }},
	{models.OpenAI.Name, func(c *Checkpoint) any { return config(c.OpenAI) }, func(m Models) nn.Module { return m.OpenAI }},
	{models.VQGAN.Name, func(c *Checkpoint) any { return config(c.VQGAN) }, func(m Models) nn.Module { return m.VQGAN }},
	{models.DALLE.Name, func(c *Checkpoint) any { return config(c.DALLE) }, func(m Models) nn.Module { return m.DALLE }},
	{models.CLIP.Name, func(c *Checkpoint) any { return config(c.CLIP) }, func(m Models) nn.Module { return m.CLIP }},
	{models.Autoencoder.Name, func(c *Checkpoint) any { return config(c.Autoencoder) }, func(m Models) nn.Module { return m.Autoencoder }},
	{models.Flow.Name, func(c *Checkpoint) any { return config(c.Flow) }, func(m Models) nn.Module { return m.Flow }},
	{models.MaskRCNN.Name, func(c *Checkpoint) any { return config(c.MaskRCNN) }, func(m Models) nn.Module { return m.MaskRCNN }},
	{models.SSD.Name, func(c *Checkpoint) any { return config(c.SSD) }, func(m Models) nn.Module { return m.SSD }},
}

func config[C any](c *C) any {
	if c == nil {
		return nil
	}
	return *c
}

// Kinds returns the names of the kinds of models that are read from checkpoints.
func Kinds() (names []string) {
	for _, i := range importers {
		names = append(names, i.kind)
	}
	return names
}

// Found is a model of a checkpoint: its kind and its configuration, of the type that models.Config returns.
type Found struct {
	Kind   string
	Config any
}

// Found returns the models of the checkpoint.
func (c *Checkpoint) Found() (all []Found) {
	for _, i := range importers {
		if config := i.config(c); config != nil {
			all = append(all, Found{i.kind, config})
		}
	}
	return all
}

// Module returns the model of a kind that m has.
func (m Models) Module(kind string) nn.Module {
	for _, i := range importers {
		if i.kind == kind {
			return i.module(m)
		}
	}
	return nil
}
