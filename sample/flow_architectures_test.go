package sample

import (
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestFlowArchitectures samples, scores and interpolates with each architecture of a flow over embeddings.
func TestFlowArchitectures(t *testing.T) {
	d := openDevice(t)
	a, _ := toy.Flow(d)
	for _, architecture := range flows.ClassArchitectures() {
		t.Run(architecture, func(t *testing.T) {
			c := flows.DefaultClassConfig(architecture, toy.Embedding, 2)
			c.Layers, c.Hidden = 2, []int{16}
			f, err := flows.NewClassFlow(d, c, tensor.NewGenerator(3))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range nn.Trainable(f) { // a new TarFlow is the identity
				p.Tensor.Set(tensor.NewGenerator(4).Normal(d, p.Tensor.Shape()...).Scale(0.2).Values())
			}
			f.SetTraining(false)
			p, err := NewFlow(d, toy.PetData(), FlowModels{Autoencoder: a, Flow: f})
			if err != nil {
				t.Fatal(err)
			}
			drawn := drawPictures(t, p, Options{N: 3, Class: "dog", Seed: 5})
			if len(drawn) != 3 || slices.Equal(drawn[0].Image.Pix, drawn[1].Image.Pix) {
				t.Error("the samples are not three different pictures")
			}
			for _, one := range drawn {
				if math.IsNaN(one.LogDensity) || math.IsInf(one.LogDensity, 0) {
					t.Errorf("a sample has the log-density %v", one.LogDensity)
				}
			}
			pets := toy.Pets(2)
			embeddings, err := p.Embed(t.Context(), pets.Pixels)
			if err != nil {
				t.Fatal(err)
			}
			logs, err := p.LogProb(t.Context(), embeddings)
			if err != nil || len(logs) != 2 || len(logs[0]) != 2 || logs[0][0] == logs[1][0] {
				t.Errorf("the log-densities of two pictures in two classes are %v, %v", logs, err)
			}
			one := len(pets.Pixels) / 2
			if _, err := p.Interpolate(t.Context(), Ends{From: pets.Pixels[:one], To: pets.Pixels[one:]}, 3); err != nil {
				t.Error(err)
			}
			guided := sampling.Default()
			guided.Guidance = 2
			if _, err := p.Sample(t.Context(), Options{N: 1, Sampling: &guided}); err == nil {
				t.Error("guidance is accepted")
			}
		})
	}
}
