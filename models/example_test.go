package models_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// lineConfig is the configuration of a linear model.
type lineConfig struct {
	Inputs int `json:"inputs"`
}

// line is a kind of models that a program adds.
var line = models.Register(models.Kind[lineConfig, *nn.Linear]{
	Info: models.Info{Name: "line", Title: "linear model"},
	New: func(d *tensor.Device, c lineConfig, g *tensor.Generator) (*nn.Linear, error) {
		if c.Inputs < 1 {
			return nil, fault.Field("Inputs", c.Inputs, "must be 1 or more")
		}
		return nn.NewLinear(d, c.Inputs, 1, true, g), nil
	},
})

// A program registers a kind of its own, trains a model of it, and opens the model from the run folder.
func ExampleRegister() {
	dir, err := os.MkdirTemp("", "line")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	device, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	config := lineConfig{Inputs: 1}
	model, err := line.New(device, config, tensor.NewGenerator(1))
	if err != nil {
		log.Fatal(err)
	}
	source, err := train.NewRows([]float32{0, 1, 2, 3}, 1, nil, 4, false, 1)
	if err != nil {
		log.Fatal(err)
	}
	settings := train.DefaultConfig()
	settings.Steps, settings.Batch, settings.LearningRate, settings.Schedule = 400, 4, 0.1, "cosine"
	task := train.Task[train.RowBatch]{
		Model: line.Name, Module: model, Source: source, Settings: config,
		Loss: func(batch train.RowBatch) (*tensor.Tensor, *train.Figures) {
			x := batch.Tensor(device) // [N, 1]
			return model.Forward(x).MSELoss(x.Scale(2).AddScalar(1)), nil
		},
	}
	if _, err := train.Run(context.Background(), dir, task, settings, train.Options{}); err != nil {
		log.Fatal(err)
	}

	opened, err := line.Open(dir, device)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("2·10 + 1 = %.1f\n", opened.Forward(device.From([]float32{10}, 1, 1)).Values()[0])
	_, err = models.Flow.Open(dir, device)
	var missing *fault.Missing
	fmt.Println(errors.As(err, &missing), missing.Model)
	// Output:
	// 2·10 + 1 = 21.0
	// true flow
}
