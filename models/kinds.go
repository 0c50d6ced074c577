package models

import (
	"cmp"
	"fmt"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/maskgit"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/openaivae"
	"github.com/bestiary-ml/bestiary/rectified"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tarflow"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// The kinds of this module. Their names stand here and nowhere else.
var (
	Autoencoder = Register(Kind[autoencoder.Config, *autoencoder.Autoencoder]{
		Info: Info{Name: "autoencoder", Title: "autoencoder"}, New: autoencoder.New,
		Facts: func(c autoencoder.Config) Facts {
			return Facts{Size: c.ImageSize, Channels: 3, Embedding: c.Embedding,
				Summary: fmt.Sprintf("pictures of %d×%d as embeddings of %d", c.ImageSize, c.ImageSize, c.Embedding)}
		},
	})
	Flow = Register(Kind[flows.Config, *flows.ClassFlow]{
		Info: Info{Name: "flow", Title: "conditional flow", Needs: []string{Autoencoder.Name}}, New: flows.NewClassFlow,
		Facts: func(c flows.Config) Facts {
			return Facts{Embedding: c.Dim, Classes: c.Classes,
				Summary: flowSummary(c)}
		},
	})
	DVAE = Register(Kind[dvae.Config, *dvae.VAE]{
		Info: Info{Name: "dvae", Title: "discrete VAE", Codec: true}, New: dvae.New,
		Facts: func(c dvae.Config) Facts {
			return Facts{Size: c.ImageSize, Channels: c.Channels,
				Summary: fmt.Sprintf("pictures of %d×%d as %d×%d of %d codes", c.ImageSize, c.ImageSize, c.Grid(), c.Grid(), c.Codes)}
		},
	})
	OpenAI = Register(Kind[openaivae.Config, *openaivae.VAE]{
		Info: Info{Name: "openai", Title: "OpenAI's discrete VAE", Codec: true}, New: openaivae.New,
		Facts: func(c openaivae.Config) Facts {
			return Facts{Size: c.ImageSize, Channels: 3,
				Summary: fmt.Sprintf("pictures of %d×%d as %d×%d of %d codes", c.ImageSize, c.ImageSize, c.Grid(), c.Grid(), c.Codes)}
		},
	})
	KL = Register(Kind[vqgan.Config, *vqgan.Model]{
		Info: Info{Name: "kl", Title: "KL autoencoder"}, New: vqgan.NewKL,
		Facts: func(c vqgan.Config) Facts {
			return Facts{Size: c.ImageSize, Channels: c.Channels,
				Summary: fmt.Sprintf("pictures of %d×%d as %d×%d×%d latents", c.ImageSize, c.ImageSize, c.Grid(), c.Grid(), c.Embed)}
		},
	})
	TarFlow = Register(Kind[tarflow.Config, *tarflow.Flow]{
		Info: Info{Name: "tarflow", Title: "transformer flow", Needs: []string{KL.Name}}, New: tarflow.New,
		Facts: func(c tarflow.Config) Facts {
			return Facts{Embedding: c.Numbers(), Classes: c.Classes,
				Summary: fmt.Sprintf("latents of %d×%d×%d in %d classes, blocks of %v layers", c.Height, c.Width, c.Channels, c.Classes, c.Blocks)}
		},
	})
	VQGAN = Register(Kind[vqgan.Config, *vqgan.Model]{
		Info: Info{Name: "vqgan", Title: "VQGAN", Codec: true}, New: vqgan.NewVQ,
		Facts: func(c vqgan.Config) Facts {
			return Facts{Size: c.ImageSize, Channels: c.Channels,
				Summary: fmt.Sprintf("pictures of %d×%d as %d×%d of %d codes", c.ImageSize, c.ImageSize, c.Grid(), c.Grid(), c.CodebookSize())}
		},
	})
	DALLE = Register(Kind[dalle.Config, *dalle.DALLE]{
		Info: Info{Name: "dalle", Title: "DALL-E", Needs: Codecs(), Captions: true}, New: dalle.New,
		Facts: func(c dalle.Config) Facts {
			return Facts{TextTokens: c.TextTokens,
				Summary: fmt.Sprintf("captions of %d tokens, depth %d, dim %d", c.TextLen, c.Transformer.Depth, c.Transformer.Dim)}
		},
	})
	MaskGIT = Register(Kind[maskgit.Config, *maskgit.Model]{
		Info: Info{Name: "maskgit", Title: "MaskGIT", Needs: Codecs(), Captions: true}, New: maskgit.New,
		Facts: func(c maskgit.Config) Facts {
			return Facts{TextTokens: c.TextTokens,
				Summary: fmt.Sprintf("captions of %d tokens, %d×%d codes, depth %d, dim %d", c.TextLen, c.Height, c.Width, c.Transformer.Depth, c.Transformer.Dim)}
		},
	})
	Rectified = Register(Kind[rectified.Config, *rectified.Model]{
		Info: Info{Name: "rectified", Title: "rectified flow", Needs: []string{KL.Name}, Captions: true}, New: rectified.New,
		Facts: func(c rectified.Config) Facts {
			return Facts{TextTokens: c.TextTokens,
				Summary: fmt.Sprintf("captions of %d tokens, latents of %d×%d×%d, depth %d, dim %d", c.TextLen, c.Height, c.Width, c.Channels, c.Depth, c.Dim)}
		},
	})
	// Classifier judges pictures of generators, and belongs to no pipeline; see package eval.
	Classifier = Register(Kind[classifier.Config, *classifier.Classifier]{
		Info: Info{Name: "classifier", Title: "classifier"}, New: classifier.New,
		Facts: func(c classifier.Config) Facts {
			return Facts{Summary: fmt.Sprintf("pictures of %d×%d as %d features, %d classes", c.ImageSize, c.ImageSize, c.Features(), len(c.Classes))}
		},
	})
	// SSD is a detector, and belongs to no pipeline of a generator.
	SSD = Register(Kind[ssd.Config, *ssd.Model]{
		Info: Info{Name: "ssd", Title: "detector"}, New: ssd.New,
		Facts: func(c ssd.Config) Facts {
			return Facts{Summary: fmt.Sprintf("boxes of %d classes in pictures of %d×%d, backbone %s", c.Classes, c.ImageSize, c.ImageSize, c.Backbone)}
		},
	})
	// MaskRCNN is a detector that draws masks, too.
	MaskRCNN = Register(Kind[maskrcnn.Config, *maskrcnn.Model]{
		Info: Info{Name: "maskrcnn", Title: "Mask R-CNN"}, New: maskrcnn.New,
		Facts: func(c maskrcnn.Config) Facts {
			return Facts{Summary: fmt.Sprintf("boxes and masks of %d classes in pictures of %d to %d pixels, backbone %s", c.Classes, c.MinSide, c.MaxSide, c.Backbone)}
		},
	})
	CLIP = Register(Kind[clip.Config, *clip.CLIP]{
		Info: Info{Name: "clip", Title: "CLIP", Captions: true}, New: clip.New,
		Facts: func(c clip.Config) Facts {
			return Facts{Size: c.ImageSize, Channels: c.Channels, TextTokens: c.TextTokens,
				Summary: fmt.Sprintf("captions of %d tokens, pictures of %d×%d", c.TextLen, c.ImageSize, c.ImageSize)}
		},
	})
	Density = Register(Kind[flows.Spec, *flows.Flow]{
		Info: Info{Name: "density", Title: "density of a table"}, New: flows.New,
		Facts: func(c flows.Spec) Facts {
			return Facts{Summary: fmt.Sprintf("%d columns given %d, %d layers", c.Columns, c.Condition, len(c.Layers))}
		},
	})
)

// flowSummary describes a flow over embeddings.
func flowSummary(c flows.Config) string {
	layers := map[string]string{flows.SplineFlow: "spline couplings", flows.MaskedFlow: "autoregressive layers", flows.TransformerFlow: "blocks of transformers"}
	return fmt.Sprintf("embeddings of %d in %d classes, %d %s", c.Dim, c.Classes, c.Layers, cmp.Or(layers[c.Architecture], "couplings"))
}

// Detectors returns the names of the kinds of models that find objects in pictures.
func Detectors() []string { return []string{SSD.Name, MaskRCNN.Name} }
