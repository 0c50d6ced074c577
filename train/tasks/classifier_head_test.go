package tasks

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// randomBackbone has random weights, whose features still tell drawn animals apart.
func randomBackbone(t *testing.T, d *tensor.Device) *backbone.Backbone {
	t.Helper()
	b, err := backbone.New(d, "efficientnet-lite0")
	if err != nil {
		t.Fatal(err)
	}
	g := tensor.NewGenerator(3)
	for _, p := range nn.Params(b) {
		switch n := p.Tensor.Rank(); {
		case n > 1: // [KH, KW, in, out]
			fan := p.Tensor.Len() / p.Tensor.Dim(-1)
			p.Tensor.Set(g.Normal(d, p.Tensor.Shape()...).Square().Sqrt().Scale(1 / float64(fan)).Values())
		case p.Trainable && p.Path[len(p.Path)-1] == 't':
			p.Tensor.Set(d.Full(1, p.Tensor.Len()).Values())
		}
	}
	return b
}

func headConfig(training *data.Dataset) classifier.Config {
	c := classifier.DefaultConfig().WithBackbone("efficientnet-lite0")
	c.ImageSize, c.BackboneSize, c.Classes = 32, 32, training.Classes
	return c
}

// TestClassifierHeadResumes compares an interrupted training with one that went through.
func TestClassifierHeadResumes(t *testing.T) {
	d, training, heldOut := open(t), animals(t, 20), animals(t, 8)
	o := Options{Batch: 16, Seed: 4}
	var told int
	o.Progress = func(done, total int) { told = total }
	trained := trainedBy(func() (nn.Module, *train.Task[train.RowBatch], error) {
		return ClassifierHead(context.Background(), d, headConfig(training), randomBackbone(t, d), data.Description{Path: "drawn", Augment: data.Augment{Flip: true}}, training, heldOut, o)
	})
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.Seed, c.EvalEvery, c.SampleEvery = 8, o.Batch, o.Seed, 4, 0
	whole := trained(t, filepath.Join(t.TempDir(), "whole"), c, 0)
	if told != 20*(1+headViews) {
		t.Errorf("%d views, want %d", told, 20*(1+headViews))
	}
	broken := filepath.Join(t.TempDir(), "broken")
	trained(t, broken, c, 3)
	alike(t, whole, trained(t, broken, c, 0))
}

func TestClassifierHeadErrors(t *testing.T) {
	d, training := open(t), animals(t, 12)
	var wrong *fault.FieldError
	if _, _, err := ClassifierHead(context.Background(), d, headConfig(training), nil, data.Description{}, training, nil, Options{Batch: 4}); !errors.As(err, &wrong) || wrong.Field != "Backbone" {
		t.Errorf("without weights: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := ClassifierHead(ctx, d, headConfig(training), randomBackbone(t, d), data.Description{}, training, nil, Options{Batch: 4}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
