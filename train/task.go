package train

import (
	"reflect"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Task says what is trained. A batch of type B goes from Source to Loss. Model, Module, Source and Loss are required.
type Task[B Batch] struct {
	Model  string // name of the model in the run folder
	Module nn.Module
	Source Source[B]

	// Loss computes the loss of a batch, a single number, and figures to report beside it (nil: none). It is called
	// within a recording step of the device, with Module in training mode. It should not read what it computes: on a GPU,
	// reading waits for all work that is queued.
	Loss func(batch B) (*tensor.Tensor, *Figures)

	// SGD makes the optimizer [SGD] with these constants; nil: that of Config. Config's constants of optimizers and its weight decay
	// are then not used.
	SGD *SGDOptions

	// Adversary is trained beside the model; nil: none.
	Adversary *Adversary[B]

	// Check explains a loss or a gradient that is not finite: it returns an error if the batch itself holds NaN or
	// infinities, see [CheckFinite]. The error names the place and the remedy. May be nil.
	Check func(batch B) error

	// Generators are the generators that Loss and Module's dropout draw from, by names of the caller's choice. The
	// checkpoint has their states. Evaluate and Samples may draw from them: their states are restored afterwards.
	Generators map[string]*tensor.Generator

	// Before is called before each optimizer step and After behind it, with the number of the step, counted from 1. Both
	// run outside of the device's steps. After gets the step's last batch and may change the weights. Both may be nil.
	Before func(step int)
	After  func(step int, batch B)

	// State points to what else changes during a training. It is saved in the checkpoint as JSON. May be nil.
	State any

	// Evaluate measures the model, in evaluation mode, on held-out data. Early stopping and the plateau schedule use its
	// "loss". It has the device to itself and may call pipelines on it, but not wait for another goroutine that does. May
	// be nil.
	Evaluate func() (Metrics, error)

	// EvaluateTraining measures the model as Evaluate does, on about as many training pictures, which are not varied. With it, the
	// augmentation grows: it begins with strength 0, which rises while the model knows the training pictures by heart and falls while
	// it doesn't. Source must have the method Vary(strength float64) error, as [Pictures] has. May be nil.
	EvaluateTraining func() (Metrics, error)

	// Calibrate sets buffers of Module that follow from its weights and that only its users need, such as statistics of
	// latents. It is called before weights are saved, with the module as for Evaluate. It must depend on the weights only,
	// and change nothing else. May be nil.
	Calibrate func() error

	// Samples writes samples of the model, which is in evaluation mode, to a PNG file. It may call pipelines as Evaluate may. All ranks
	// of a training call it, each with a path of its own, and pipelines divide what they compute among the ranks. May be nil.
	Samples func(path string) error

	Settings any // configuration of the model, for config.json of a new run; nil keeps what is there
	Options  any // options of this task that are neither the model's nor in Config, likewise
	Data     any // description of the data, likewise

	// Start writes further files of a new run. The run folder is locked while it runs. May be nil.
	Start func(dir string) error

	// Joint is the error of a training by several ranks, such as a [*fault.FieldError] of what Loss or After computes over the whole
	// batch, of which each rank has a share. nil means that the gradient of a batch is the mean of the gradients of its equal shares, or
	// that the loss exchanges what it needs, as batch norm does.
	Joint error

	Unit string // what a batch consists of, in reports; "" means "images"
}

// Metrics are figures by name. The names must not depend on the step.
type Metrics map[string]float64

// Figures are what a loss reports beside itself.
type Figures struct {
	Tensors []*tensor.Tensor                 // read together with the loss, in one transfer
	Metrics func(values [][]float32) Metrics // computes the figures from the elements of Tensors
}

func (t *Task[B]) unit() string {
	if t.Unit == "" {
		return "images"
	}
	return t.Unit
}

// count returns the number of the trained parameters, those of the adversary included.
func (t *Task[B]) count() int {
	n := nn.Count(t.Module)
	if t.Adversary != nil {
		n += nn.Count(t.Adversary.Module)
	}
	return n
}

// smallestBatch returns the smallest batch that the model can be trained on. Batch norm computes a variance and so needs
// two rows; it is recognised by its running variance.
func (t *Task[B]) smallestBatch() int {
	params := nn.Params(t.Module)
	if t.Adversary != nil {
		params = append(params, nn.Params(t.Adversary.Module)...)
	}
	for _, p := range params {
		if !p.Trainable && (p.Path == "running_var" || strings.HasSuffix(p.Path, ".running_var")) {
			return 2
		}
	}
	return 1
}

// check returns a [*fault.FieldError] if a required field is missing.
func (t *Task[B]) check() error {
	switch {
	case !run.ValidName(t.Model):
		return fault.Field("Model", t.Model, "must be a name of letters, digits, hyphens and underscores")
	case isNil(t.Module) || len(nn.Params(t.Module)) == 0:
		return fault.Field("Module", nil, "must have parameters to train")
	case isNil(t.Source):
		return fault.Field("Source", nil, "is missing; set what yields the batches")
	case t.Source.Batches() < 1:
		return fault.Field("Source", nil, "has no batches; give it data, or a smaller batch")
	case t.Loss == nil:
		return fault.Field("Loss", nil, "is missing; set the function that computes the loss of a batch")
	}
	if t.EvaluateTraining != nil {
		if err := t.checkGrowth(); err != nil {
			return err
		}
	}
	if t.SGD != nil {
		if err := t.SGD.Validate(); err != nil {
			return err
		}
	}
	if t.Adversary != nil {
		return t.Adversary.check()
	}
	return nil
}

// isNil reports whether an interface is nil or holds a nil pointer.
func isNil(v any) bool {
	return v == nil || reflect.ValueOf(v).Kind() == reflect.Pointer && reflect.ValueOf(v).IsNil()
}

// subject describes the task for [Config.validateFor].
func (t *Task[B]) subject() subject {
	return subject{model: t.Model, smallest: t.smallestBatch(), batches: t.Source.Batches(), evaluated: t.Evaluate != nil, grows: t.EvaluateTraining != nil}
}

// optimizer returns a new optimizer of the model, which share completes. host is where the moments live; nil: where the model does.
func (t *Task[B]) optimizer(c Config, host *tensor.Device) optimizer {
	switch {
	case t.SGD != nil:
		return newSGD(t.Module, *t.SGD)
	case c.Optimizer == "sgd":
		return newSGD(t.Module, c.sgd())
	}
	return newAdam(t.Module, c.adam(), host)
}
