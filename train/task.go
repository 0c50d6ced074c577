package train

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Task is what is trained. Model, Module, Source and Loss are needed, the others make more of it.
type Task struct {
	Model  string // its name in the run folder: "flow"
	Module nn.Module
	Source Source

	// Loss records the model on the Source's current batch and returns the loss, a single number, and figures to
	// report beside it (nil: none). It is called within a step of the device, in training mode. It should not read what it
	// computes, as a GPU would have to be waited for.
	Loss func() (*tensor.Tensor, *Figures)

	// Generators are those that Loss and the model's dropout draw from, by names of the caller's choosing. Drawing
	// from them in Evaluate or Samples doesn't change what the training draws.
	Generators map[string]*tensor.Generator

	// Before is called before each step of the optimizer, After behind it, with the step's number, counted from 1. They
	// run outside the device's steps; After finds the source's current batch still there and may change the weights.
	Before, After func(step int)

	// State points to what else changes in a training and JSON can hold: it is part of the checkpoint.
	State any

	// Evaluate measures the model, in evaluation mode, on held-out data; "loss" decides on early stopping.
	Evaluate func() (Metrics, error)

	// Samples draws something with the model, in evaluation mode, and writes it to a PNG file.
	Samples func(path string) error

	Settings any // of the model, for config.json of a new run; nil leaves what is there
	Options  any // of this task, likewise: what is neither the model's nor in Config
	Data     any // description of the data, likewise

	// Start writes what else a new run's folder needs; nobody else trains into it at the time.
	Start func(dir string) error

	Unit string // of what batches are made of, for reports; "" means "images"
}

// Metrics are named figures. The names must not depend on the step.
type Metrics map[string]float64

// Figures are what Loss reports beside the loss.
type Figures struct {
	Tensors []*tensor.Tensor                 // read together with the loss
	Metrics func(values [][]float32) Metrics // what the elements of these come to
}

// Source hands out batches without end. Where they go, and Loss finds them, is the source's own affair.
type Source interface {
	// Next moves to the next batch and returns the number of items in it, at least 1.
	Next() (items int, err error)
	// Batches is the number of batches in an epoch.
	Batches() int
	// State tells the place of the batch that Next moves to next, as JSON.
	State() (json.RawMessage, error)
	// SetState goes to a place that State told. It fails if the data or the batch size are others.
	SetState(state json.RawMessage) error
}

// Checker is a [Source] that can tell whether its current batch holds NaN or infinities. It is asked when a loss is
// not finite. The error is a sentence that names the place and the remedy.
type Checker interface{ Check() error }

// CheckFinite looks for numbers that are not finite in rows of equal length; place names row i: "images/cat.jpg".
func CheckFinite(values []float32, row int, place func(i int) string) error {
	for i, v := range values {
		if v64 := float64(v); math.IsNaN(v64) || math.IsInf(v64, 0) {
			return fmt.Errorf("%s: the data holds %v (value %d); remove or correct it", place(i/row), v, i%row)
		}
	}
	return nil
}

func (t *Task) unit() string {
	if t.Unit == "" {
		return "images"
	}
	return t.Unit
}

// smallestBatch is the smallest batch that the model can be trained on. Batch norm measures a variance and so needs
// two rows; it shows by its running variance.
func (t *Task) smallestBatch() int {
	for _, p := range nn.Params(t.Module) {
		if !p.Trainable && (p.Path == "running_var" || strings.HasSuffix(p.Path, ".running_var")) {
			return 2
		}
	}
	return 1
}
