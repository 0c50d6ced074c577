package train

import (
	"errors"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

const guessSize = 4 // side of the pictures

// randomPictures have no pattern, and labels 0 and 1 that follow from nothing.
func randomPictures(n int, seed uint64) *data.Dataset {
	g := tensor.NewGenerator(seed)
	d := &data.Dataset{Size: guessSize, Classes: []string{"a", "b"}}
	for range n {
		d.Labels = append(d.Labels, g.Intn(2))
		for range guessSize * guessSize * 3 {
			d.Pixels = append(d.Pixels, uint8(g.Intn(256)))
		}
	}
	return d
}

// guess learns a number of each picture: its label, which must be learned by heart, or the mean of its values.
type guess struct {
	net        *nn.Linear
	task       Task[PictureBatch]
	calls      int
	varied     []bool         // of each call of the loss: the batch had other pictures than the dataset
	each       func(call int) // in each call of the loss
	failing    int            // call of EvaluateTraining that fails; 0: none
	evaluation int
}

func newGuess(t *testing.T, byHeart bool, pictures int) *guess {
	t.Helper()
	training, heldOut := randomPictures(pictures, 1), randomPictures(pictures, 2)
	source, err := NewPictures(training, data.LoaderOptions{Batch: 8, Shuffle: true, Seed: 3, Augment: data.Augment{Zoom: 0.3, Colour: 0.5}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	d := openPortable()
	const values = guessSize * guessSize * 3
	m := &guess{net: nn.NewLinear(d, values, 1, true, tensor.NewGenerator(4))}
	loss := func(pixels []float32, labels []int) *tensor.Tensor {
		x := d.From(pixels, len(labels), values)
		want := x.Mean(1)
		if byHeart {
			own := make([]float32, len(labels))
			for i, label := range labels {
				own[i] = float32(2*label - 1)
			}
			want = d.From(own, len(own))
		}
		return m.net.Forward(x).Reshape(-1).MSELoss(want)
	}
	measure := func(of *data.Dataset) (Metrics, error) {
		s := d.Scratch()
		defer s.End()
		pixels := make([]float32, len(of.Pixels))
		data.Scale(pixels, of.Pixels)
		return Metrics{"loss": loss(pixels, of.Labels).Item()}, nil
	}
	m.task = Task[PictureBatch]{
		Model: "toy", Module: m.net, Source: source,
		Loss: func(b PictureBatch) (*tensor.Tensor, *Figures) {
			if m.calls++; m.each != nil {
				m.each(m.calls)
			}
			varied := false
			plain := make([]float32, values)
			for k, i := range b.Indices {
				data.Scale(plain, training.Image(i))
				varied = varied || !slices.Equal(plain, b.Pixels[k*values:(k+1)*values])
			}
			m.varied = append(m.varied, varied)
			return loss(b.Pixels, b.Labels), nil
		},
		Evaluate: func() (Metrics, error) { return measure(heldOut) },
		EvaluateTraining: func() (Metrics, error) {
			if m.evaluation++; m.evaluation == m.failing {
				return nil, errors.New("no luck")
			}
			return measure(training)
		},
	}
	return m
}

func guessConfig(steps int) Config {
	c := DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.LogEvery, c.EvalEvery, c.SampleEvery, c.CheckpointEvery = steps, 8, 0.02, 3, 5, 0, 7
	return c
}
