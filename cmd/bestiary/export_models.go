package main

import (
	"fmt"
	"io"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/interchange"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
)

// exportModels are the models that export writes, the preferred one first.
var exportModels = []string{models.DALLE.Name, models.DVAE.Name, models.VQGAN.Name, models.OpenAI.Name, models.CLIP.Name, models.Flow.Name, models.Autoencoder.Name, models.SSD.Name, models.MaskRCNN.Name}

// tellFlow says how the notebook uses the files of a flow: its weights and its statistics.
func tellFlow(w io.Writer, m interchange.Models, files []string) {
	fmt.Fprintf(w, "%s is the state_dict of %s\n", files[0], interchange.NotebookCall(m.Flow.Config))
	if m.Flow.Config.Standardize {
		fmt.Fprintf(w, "its rows are standardized: embedding = emb_mean + emb_std·row, with emb_mean and emb_std from %s;\n", files[1])
		fmt.Fprintln(w, "the log-density of an embedding is that of its row less the sum of ln emb_std")
	}
	for i, name := range m.Embedding.Classes {
		fmt.Fprintf(w, "column %d of the condition y is the class %q\n", i, name)
	}
}

// loadModels loads what is exported: the model of that name or, without one, the first of exportModels that the run has.
func loadModels(r *runfolder.Run, d *tensor.Device, model string) (m interchange.Models, err error) {
	if model == "" {
		model = models.DVAE.Name // whose absence is the error
		for _, name := range exportModels {
			if r.HasWeights(name) {
				model = name
				break
			}
		}
	}
	switch model {
	case models.SSD.Name:
		m.SSD, err = models.SSD.Open(r.Dir(), d)
		return m, err
	case models.MaskRCNN.Name:
		m.MaskRCNN, err = models.MaskRCNN.Open(r.Dir(), d)
		return m, err
	case models.CLIP.Name:
		m.CLIP, err = models.CLIP.Open(r.Dir(), d)
		return m, err
	case models.Autoencoder.Name:
		m.Autoencoder, err = models.Autoencoder.Open(r.Dir(), d)
		return m, err
	case models.Flow.Name:
		if m.Flow, err = models.Flow.Open(r.Dir(), d); err != nil {
			return m, err
		}
		var description data.Description
		if err := r.Data(&description); err != nil {
			return m, err
		}
		m.Embedding = interchange.EmbeddingOf(m.Flow, description.Classes)
		return m, nil
	}
	codec := model
	if model == models.DALLE.Name {
		if codec, err = models.CodecIn(r.Dir()); err != nil {
			return m, err
		}
	}
	switch codec {
	case models.DVAE.Name:
		m.VAE, err = models.DVAE.Open(r.Dir(), d)
	case models.VQGAN.Name:
		m.VQGAN, err = models.VQGAN.Open(r.Dir(), d)
	case models.OpenAI.Name:
		m.OpenAI, err = models.OpenAI.Open(r.Dir(), d)
	}
	if err != nil || model != models.DALLE.Name {
		return m, err
	}
	m.DALLE, err = models.DALLE.Open(r.Dir(), d)
	return m, err
}
