package models

import (
	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/flows"
)

// The kinds of this module. Their names stand here and nowhere else.
var (
	Autoencoder = Register(Kind[autoencoder.Config, *autoencoder.Autoencoder]{
		Info: Info{Name: "autoencoder", Title: "autoencoder"}, New: autoencoder.New,
	})
	Flow = Register(Kind[flows.Config, *flows.RealNVP]{
		Info: Info{Name: "flow", Title: "conditional flow", Needs: []string{Autoencoder.Name}}, New: flows.NewRealNVP,
	})
	DVAE = Register(Kind[dvae.Config, *dvae.VAE]{
		Info: Info{Name: "dvae", Title: "discrete VAE"}, New: dvae.New,
	})
	DALLE = Register(Kind[dalle.Config, *dalle.DALLE]{
		Info: Info{Name: "dalle", Title: "DALL-E", Needs: []string{DVAE.Name}, Captions: true}, New: dalle.New,
	})
	CLIP = Register(Kind[clip.Config, *clip.CLIP]{
		Info: Info{Name: "clip", Title: "CLIP", Captions: true}, New: clip.New,
	})
)
