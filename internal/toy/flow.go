// Package toy makes small untrained models from fixed seeds, for tests and examples of pipelines. They generate noise, are
// fast, and no two pictures are equal.
package toy

import (
	"slices"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Sizes of the flow's pictures and embeddings.
const (
	PetSize   = 32
	Embedding = 6
)

// Pets draws n cats and dogs of PetSize.
func Pets(n int) *data.Dataset {
	return must(drawn.New(9, n, drawn.Options{Size: PetSize}))
}

// PetData describes the pictures of Pets.
func PetData() data.Description {
	return data.Description{Path: "drawn", Classes: Pets(1).Classes, Size: PetSize, Resize: "squash"}
}

// Flow makes an autoencoder and a flow with the mean and the standard deviation of its embeddings.
func Flow(d *tensor.Device) (*autoencoder.Autoencoder, *flows.RealNVP) {
	sizes := autoencoder.Config{ImageSize: PetSize, Channels: []int{3, 4, 4, 4, 6, 6}, Hidden: 12, Embedding: Embedding}
	a := must(autoencoder.New(d, sizes, tensor.NewGenerator(1)))
	g := tensor.NewGenerator(2)
	enliven(d, a, g, 0.2) // DCGAN's small weights would make all pictures alike
	shape := flows.DefaultConfig(Embedding, 2)
	shape.Layers, shape.Hidden = 4, []int{16}
	flow := must(flows.NewRealNVP(d, shape, g))
	if err := flow.Fit(slices.Chunk(embeddings(d, a, Pets(64)), Embedding)); err != nil {
		panic(err)
	}
	flow.SetTraining(false)
	return a, flow
}

func embeddings(d *tensor.Device, a *autoencoder.Autoencoder, pets *data.Dataset) []float32 {
	values := make([]float32, len(pets.Pixels))
	data.Scale(values, pets.Pixels)
	step := d.Scratch()
	defer step.End()
	return a.Encode(d.From(values, pets.Len(), PetSize, PetSize, 3)).Values()
}

// enliven gives a model larger random weights, and puts it in evaluation mode.
func enliven(d *tensor.Device, m nn.Module, g *tensor.Generator, deviation float64) {
	for _, p := range nn.Trainable(m) {
		if p.Tensor.Rank() > 1 {
			p.Tensor.Set(g.Normal(d, p.Tensor.Shape()...).Scale(deviation).Values())
		}
	}
	m.SetTraining(false)
}

// must returns v: the settings of toys are fixed, so errors are mistakes in this package.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
