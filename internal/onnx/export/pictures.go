package export

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// pictures is an input of pictures.
func pictures(side, channels int) Input {
	return Input{Name: "images", Doc: "pictures, channels last, values in [-1, 1]", Shape: []int{side, side, channels}}
}

// image is an output of pictures.
func image(doc string) Output {
	return Output{"image", "pictures [N, S, S, C], channels last, " + doc}
}

// one makes a function of one tensor a Run.
func one(f func(x *tensor.Tensor) *tensor.Tensor) func([]*tensor.Tensor) []*tensor.Tensor {
	return func(in []*tensor.Tensor) []*tensor.Tensor { return []*tensor.Tensor{f(in[0])} }
}

func ofAutoencoder(m *autoencoder.Autoencoder) []Function {
	c := m.Config()
	embedding := "embeddings of pictures"
	return []Function{
		{"encode", "pictures to embeddings", []Input{pictures(c.ImageSize, c.Channels[0])}, []Output{{"embedding", embedding}}, one(m.Encode)},
		{"decode", "embeddings to pictures", []Input{{Name: "embedding", Doc: embedding, Shape: []int{c.Embedding}}}, []Output{image("values in [-1, 1]")}, one(m.Decode)},
	}
}

func asCodec[M models.Codec](m M) []Function {
	grid := m.Grid()
	codes := fmt.Sprintf("codes of a grid of %d×%d, row by row, 0 to %d", grid, grid, m.CodebookSize()-1)
	return []Function{
		{"encode", "pictures to codes", []Input{pictures(m.ImageSize(), m.Channels())}, []Output{{"codes", codes}}, one(m.Codes)},
		{"decode", "codes to pictures", []Input{{Name: "codes", Doc: codes, Shape: []int{grid * grid}, Ids: m.CodebookSize()}},
			[]Output{image("values near [-1, 1]; clip them")}, one(m.DecodeCodes)},
	}
}

func ofKL(m *vqgan.Model) []Function {
	c := m.Config()
	latents := "latents, normalised: the means of the posterior"
	return []Function{
		{"encode", "pictures to latents", []Input{pictures(c.ImageSize, c.Channels)}, []Output{{"latents", latents}}, one(m.Encode)},
		{"decode", "latents to pictures", []Input{{Name: "latents", Doc: latents, Shape: []int{c.Grid(), c.Grid(), c.Embed}}},
			[]Output{image("values near [-1, 1]; clip them")}, one(m.Decode)},
	}
}

func ofClassifier(m *classifier.Classifier) []Function {
	c := m.Config()
	doc := "probabilities of the classes"
	if c.Attributes {
		doc = "probability of each attribute"
	}
	return []Function{{"classify", "pictures to classes: " + fmt.Sprintf("%q", c.Classes), []Input{pictures(c.ImageSize, c.Channels)},
		[]Output{{"features", "features of the last layer but one"}, {"probabilities", doc}},
		func(in []*tensor.Tensor) []*tensor.Tensor {
			features := m.Features(in[0])
			return []*tensor.Tensor{features, m.Probabilities(features)}
		}}}
}

func ofSSD(m *ssd.Model) []Function {
	c := m.Config()
	return []Function{{"detect", "pictures to scores and boxes of all priors, before non-maximum suppression", []Input{pictures(c.ImageSize, 3)},
		[]Output{{"scores", "probabilities of the background, then of the classes"}, {"boxes", "x0, y0, x1, y1 as shares of the sides"}},
		func(in []*tensor.Tensor) []*tensor.Tensor {
			logits, codes := m.Forward(in[0])
			return []*tensor.Tensor{logits.Softmax(2), m.Boxes(codes)}
		}}}
}
