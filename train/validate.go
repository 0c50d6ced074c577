package train

import (
	"cmp"

	"github.com/bestiary-ml/bestiary/fault"
)

const (
	maxCount = 1<<31 - 1 // of steps, epochs, batches: their products fit into an int
	maxRate  = 1e6       // of rates, which a float32 must hold together with their products
	maxNorm  = 1e30      // of a gradient, near the largest float32
)

// Validate checks the values by themselves. It returns a [*fault.FieldError].
func (c *Config) Validate() error {
	if c.Steps > 0 && c.Epochs > 0 {
		return fault.Field("Steps", c.Steps, "can't be combined with Epochs %d; set one of them", c.Epochs)
	}
	if c.Steps == 0 && c.Epochs == 0 {
		return fault.Field("Steps", 0, "leaves nothing to train; set Steps or Epochs")
	}
	for _, f := range []struct {
		field string
		value int
		least int
	}{
		{"Steps", c.Steps, 0}, {"Epochs", c.Epochs, 0}, {"Batch", c.Batch, 1}, {"Accumulate", c.Accumulate, 1},
		{"Warmup", c.Warmup, 0}, {"DropEvery", c.DropEvery, 1}, {"Patience", c.Patience, 0}, {"LogEvery", c.LogEvery, 1},
		{"EvalEvery", c.EvalEvery, 0}, {"SampleEvery", c.SampleEvery, 0}, {"CheckpointEvery", c.CheckpointEvery, 0},
	} {
		if f.value < f.least || f.value > maxCount {
			return fault.Field(f.field, f.value, "must be %d to %d", f.least, maxCount)
		}
	}
	for _, f := range []struct {
		field string
		value float64
		ok    bool
		want  string
	}{
		{"LearningRate", c.LearningRate, c.LearningRate > 0 && c.LearningRate <= maxRate, "above 0 and at most 1000000"},
		{"Beta1", c.Beta1, c.Beta1 >= 0 && c.Beta1 < 1, "0 or more and less than 1"},
		{"Beta2", c.Beta2, c.Beta2 >= 0 && c.Beta2 < 1, "0 or more and less than 1"},
		{"Eps", c.Eps, c.Eps > 0 && c.Eps <= maxRate, "above 0 and at most 1000000"},
		{"Momentum", c.Momentum, c.Momentum >= 0 && c.Momentum < 1, "0 or more and less than 1"},
		{"BiasRate", c.BiasRate, c.BiasRate >= 0 && c.BiasRate <= maxRate, "0 (1) to 1000000"},
		{"WeightDecay", c.WeightDecay, c.WeightDecay >= 0 && c.WeightDecay <= maxRate, "0 to 1000000"},
		{"Clip", c.Clip, c.Clip >= 0 && c.Clip <= maxNorm, "0 (no limit) to 1e30"},
		{"FinalRate", c.FinalRate, c.FinalRate >= 0 && c.FinalRate <= 1, "0 to 1"},
		{"DropFactor", c.DropFactor, c.DropFactor > 0 && c.DropFactor <= 1, "more than 0 and at most 1"},
		{"EMA", c.EMA, c.EMA >= 0 && c.EMA < 1, "0 or more and less than 1, such as 0.999"},
	} {
		if !f.ok {
			return fault.Field(f.field, f.value, "must be %s", f.want)
		}
	}
	switch c.Optimizer {
	case "adam", "adamw", "sgd":
	default:
		return fault.Field("Optimizer", c.Optimizer, "is not known; use adam, adamw or sgd")
	}
	switch c.Schedule {
	case "constant", "cosine", "exponential", "multistep", "plateau":
	default:
		return fault.Field("Schedule", c.Schedule, "is not known; use constant, cosine, exponential, multistep or plateau")
	}
	return cmp.Or(c.validateSGD(), c.validateMilestones())
}

// validateSGD checks what only SGD has.
func (c *Config) validateSGD() error {
	switch {
	case c.Optimizer != "sgd" && c.Nesterov:
		return fault.Field("Nesterov", c.Nesterov, "needs the Optimizer sgd, and it is %s", c.Optimizer)
	case c.Optimizer != "sgd" && c.BiasRate != 0 && c.BiasRate != 1:
		return fault.Field("BiasRate", c.BiasRate, "needs the Optimizer sgd, and it is %s", c.Optimizer)
	case c.Nesterov && c.Momentum == 0:
		return fault.Field("Nesterov", c.Nesterov, "needs Momentum above 0")
	}
	return nil
}

// validateMilestones checks that milestones rise, and that there are some where they are used and nowhere else.
func (c *Config) validateMilestones() error {
	switch steps := c.Schedule == "multistep"; {
	case steps && len(c.Milestones) == 0:
		return fault.Field("Schedule", c.Schedule, "needs Milestones, the steps after which the learning rate falls")
	case !steps && len(c.Milestones) > 0:
		return fault.Field("Milestones", c.Milestones, "need the Schedule multistep, and it is %s", c.Schedule)
	}
	for i, m := range c.Milestones {
		if m <= c.Warmup || m > maxCount || i > 0 && m <= c.Milestones[i-1] {
			return fault.Field("Milestones", c.Milestones, "must rise, be above Warmup %d and at most %d", c.Warmup, maxCount)
		}
	}
	return nil
}

// subject describes the task that settings must fit.
type subject struct {
	model     string
	smallest  int  // batch that the model can be trained on
	batches   int  // in an epoch
	evaluated bool // there is held-out data
	grows     bool // the augmentation grows
}

// validateFor checks the values against what is trained.
func (c *Config) validateFor(s subject) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Batch < s.smallest {
		return fault.Field("Batch", c.Batch, "the %s has batch norm, which can't be trained on a single row; use %d or more", s.model, s.smallest)
	}
	if steps := c.total(s.batches); c.Warmup >= steps {
		return fault.Field("Warmup", c.Warmup, "leaves nothing of the %d steps; use fewer", steps)
	}
	if !s.evaluated && c.Patience > 0 {
		return fault.Field("Patience", c.Patience, "needs held-out data for early stopping; give some, or set it to 0")
	}
	if !s.evaluated && c.Schedule == "plateau" {
		return fault.Field("Schedule", c.Schedule, "needs held-out data; give some, or use cosine")
	}
	if c.EvalEvery == 0 && (c.Patience > 0 || c.Schedule == "plateau") {
		return fault.Field("EvalEvery", 0, "can't be combined with Patience or the plateau of Schedule, which need evaluations; use 1 or more")
	}
	if c.EvalEvery == 0 && s.grows {
		return fault.Field("EvalEvery", 0, "leaves no evaluations after which the augmentation could grow; use 1 or more")
	}
	return nil
}

// validateResume checks the values that decide what the generators, the position in the data and the moments of the
// checkpoint mean: they must be those that the run was started with.
func (c *Config) validateResume(old *Config) error {
	for _, f := range []struct {
		field    string
		now, was any
	}{
		{"Batch", c.Batch, old.Batch}, {"Accumulate", c.Accumulate, old.Accumulate}, {"Seed", c.Seed, old.Seed},
		{"Optimizer", c.Optimizer, old.Optimizer}, {"EMA", c.EMA, old.EMA}, {"Schedule", c.Schedule, old.Schedule},
	} {
		if f.now != f.was {
			return fault.Field(f.field, f.now, "the run was started with %v; resume with that, or start a new run", f.was)
		}
	}
	return nil
}
