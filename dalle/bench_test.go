package dalle

import (
	"context"
	"testing"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// BenchmarkGenerate draws a picture of 16×16 codes with the default model.
func BenchmarkGenerate(b *testing.B) {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	m, err := New(d, DefaultConfig(), tensor.NewGenerator(1))
	if err != nil {
		b.Fatal(err)
	}
	m.SetTraining(false)
	for b.Loop() {
		p := []Picture{{Text: []int32{5, 6, 7}, Random: tensor.NewGenerator(1)}}
		if _, err := m.Generate(context.Background(), p, Sampling{Temperature: 1, TopK: 102, Guidance: 1}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoss is a step of training, without the optimizer, on 4 pictures of 16×16 codes.
func BenchmarkLoss(b *testing.B) {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	m, err := New(d, DefaultConfig(), tensor.NewGenerator(1))
	if err != nil {
		b.Fatal(err)
	}
	text, image := example(m.Config(), 4)
	for b.Loop() {
		s := d.Record()
		nn.ZeroGrad(m)
		loss, _, _ := m.Loss(text, image, nil)
		loss.Backward()
		s.End()
	}
}
