package tasks

import (
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/train"
)

// checkGrow returns a [*fault.FieldError] for a description whose augmentation can't grow although it should.
func checkGrow(description data.Description, heldOut *data.Dataset) error {
	switch {
	case !description.Grow:
		return nil
	case !description.Augment.Scales():
		return fault.Field("Grow", true, "needs Zoom, Crop or Colour, whose ranges grow; set one of them, or leave it out")
	case heldOut == nil || heldOut.Len() == 0:
		return fault.Field("Grow", true, "needs held-out pictures, whose loss shows what is known by heart; hold some out by Share, or leave it out")
	}
	return nil
}

// checkNoGrow returns a [*fault.FieldError] for a description whose augmentation should grow in a training whose views are computed first.
func checkNoGrow(description data.Description) error {
	if description.Grow {
		return fault.Field("Grow", true, "needs pictures that are varied anew in each batch, and these views are computed before the training; leave it out")
	}
	return nil
}

// evaluateOn sets what measures a model on held-out pictures and, if the augmentation grows, on as many of the training pictures.
func evaluateOn[B train.Batch](task *train.Task[B], description data.Description, training, heldOut *data.Dataset, measure func(pictures *data.Dataset) (train.Metrics, error)) {
	task.Evaluate = func() (train.Metrics, error) { return measure(heldOut) }
	if description.Grow {
		some := few(training, heldOut.Len())
		task.EvaluateTraining = func() (train.Metrics, error) { return measure(some) }
	}
}

// evaluatePrepared is evaluateOn for a model whose pictures are prepared once, such as encoded.
func evaluatePrepared[B train.Batch](task *train.Task[B], description data.Description, training, heldOut *data.Dataset, prepare func(pictures *data.Dataset) (func() (train.Metrics, error), error)) (err error) {
	if task.Evaluate, err = prepare(heldOut); err != nil || !description.Grow {
		return err
	}
	task.EvaluateTraining, err = prepare(few(training, heldOut.Len()))
	return err
}
