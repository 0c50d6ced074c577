package tables

import (
	"context"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/source"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
)

// PetsResult is how well an architecture learned the embeddings of a run's autoencoder, given the class.
type PetsResult struct {
	Run          string  `json:"run"`
	Architecture string  `json:"architecture"`
	Columns      int     `json:"columns"`       // numbers of an embedding
	Rows         [3]int  `json:"rows"`          // pictures to train on, to validate, to test
	Split        string  `json:"split"`         // that is tested: test, or the pictures that stopped the training
	Parameters   int     `json:"parameters"`    // of the flow
	Steps        int     `json:"steps"`         // at most
	Seconds      float64 `json:"seconds"`       // of the training
	NLL          float64 `json:"nats_per_dim"`  // mean of −ln p(x | class), divided by Columns
	Accuracy     float64 `json:"accuracy"`      // of the class with the largest ln p(x | class)
	Majority     float64 `json:"majority_rate"` // of the most frequent class
	Training     float64 `json:"train_per_dim"` // NLL of the training pictures, to see what was learned by heart
	Checksum     string  `json:"autoencoder"`   // of the autoencoder
}

// line is the result for people.
func (r *PetsResult) line() string {
	return fmt.Sprintf("%-8s %-8s %8.4f nats per dimension on %s, %8.4f in training, accuracy %.3f (majority %.3f), %d parameters, %.0f s",
		"pets", r.Architecture, r.NLL, r.Split, r.Training, r.Accuracy, r.Majority, r.Parameters, r.Seconds)
}

// listPets returns the architectures over the embeddings of a run. The pictures are read once, when the first is measured.
func (o Options) listPets() (all []work) {
	var e *embedded
	for _, a := range flows.ClassArchitectures() {
		all = append(all, work{"pets/" + a, func(ctx context.Context, d *tensor.Device, o Options) (any, string, error) {
			r, err := once(o.results, fmt.Sprintf("pets/%s of %s, %d steps", a, o.Run, o.ownSteps), func() (_ *PetsResult, err error) {
				if e == nil {
					if e, err = openEmbedded(ctx, o.Run, d); err != nil {
						return nil, err
					}
				}
				return runPets(ctx, d, e, a, o.ownSteps, 1)
			})
			if err != nil {
				return nil, "", err
			}
			return r, r.line(), nil
		}})
	}
	return all
}

// embedded are an autoencoder and the pictures of its run.
type embedded struct {
	dir                     string
	encoder                 *autoencoder.Autoencoder
	description             data.Description
	training, heldOut, test *data.Dataset
	split                   string
}

// openEmbedded reads a run and its pictures. The test pictures are those of the split test, if the autoencoder was trained on
// trainval; otherwise those that were held out.
func openEmbedded(ctx context.Context, dir string, d *tensor.Device) (*embedded, error) {
	e := &embedded{dir: dir}
	r, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := r.Data(&e.description); err != nil {
		return nil, err
	}
	if e.encoder, err = models.Autoencoder.Load(dir, d); err != nil {
		return nil, err
	}
	all, err := source.OpenDescription(e.description, data.Options{Context: ctx})
	if err != nil {
		return nil, err
	}
	part, err := data.ParsePart(e.description.Part)
	if err != nil {
		return nil, err
	}
	if all, err = all.Part(part); err != nil {
		return nil, err
	}
	e.training, e.heldOut = tasks.HoldOut(all, e.description.Share)
	e.test, e.split = e.heldOut, "held-out pictures"
	if e.description.Split == string(data.Trainval) {
		if test, err := source.OpenDescription(e.description, data.Options{Context: ctx, Split: data.Test}); err == nil && test.Len() > 0 {
			e.test, e.split = test, "the test split"
		}
	}
	return e, ctx.Err()
}

// runPets trains an architecture with the defaults of a flow and measures it.
func runPets(ctx context.Context, d *tensor.Device, e *embedded, architecture string, steps int, seed uint64) (*PetsResult, error) {
	dim, classes := e.encoder.Config().Embedding, len(e.description.Classes)
	defaults := tasks.DefaultFlow(dim, classes)
	shape, c := flows.DefaultClassConfig(architecture, dim, classes), defaults.Training
	shape.Noise = defaults.Model.Noise
	if steps > 0 {
		c.Steps = steps
	}
	c.Seed, c.Batch, c.SampleEvery, c.CheckpointEvery = seed, min(c.Batch, e.training.Len()), 0, 0
	c.Warmup, c.EvalEvery = min(c.Warmup, c.Steps/10), min(c.EvalEvery, c.Steps)
	start := time.Now()
	model, task, err := tasks.Flow(ctx, d, shape, e.encoder, e.description, e.training, e.heldOut, tasks.Options{Batch: c.Batch, Seed: c.Seed})
	if err != nil {
		return nil, err
	}
	task.Samples = nil
	dir, err := os.MkdirTemp("", "pets")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if _, err := train.Run(ctx, dir, *task, c, train.Options{}); err != nil {
		return nil, err
	}
	r := &PetsResult{
		Run: e.dir, Architecture: architecture, Columns: dim, Rows: [3]int{e.training.Len(), e.heldOut.Len(), e.test.Len()}, Split: e.split,
		Parameters: nn.Count(model), Steps: c.Steps, Seconds: time.Since(start).Seconds(), Checksum: nn.Checksum(e.encoder),
	}
	pets, err := sample.NewFlow(d, e.description, sample.FlowModels{Autoencoder: e.encoder, Flow: model})
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		pictures *data.Dataset
		nll      *float64
	}{{e.training, &r.Training}, {e.test, &r.NLL}} {
		f, err := eval.MeasureDensity(ctx, pets, part.pictures)
		if err != nil {
			return nil, err
		}
		*part.nll, r.Accuracy, r.Majority = f.NLL/float64(dim), f.Accuracy, f.MajorityRate
		if math.IsNaN(f.NLL) {
			return nil, fmt.Errorf("%s: the density is not a number", architecture)
		}
	}
	return r, nil
}
