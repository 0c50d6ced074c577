package train

import (
	"fmt"
	"math"
)

// Config says how to train. The comments name the flags that [Config.Flags] makes of the fields.
type Config struct {
	Steps  int `json:"steps"`  // --steps: optimizer steps; 0: as many as Epochs take
	Epochs int `json:"epochs"` // --epochs: passes over the data; 0: as many as Steps take

	Batch      int    `json:"batch"`      // --batch: items in a batch
	Accumulate int    `json:"accumulate"` // --accumulate: batches whose gradients are averaged for a step
	Seed       uint64 `json:"seed"`       // --seed: of everything drawn at random

	Optimizer     string  `json:"optimizer"`      // --optimizer: adam or adamw
	LearningRate  float64 `json:"learning_rate"`  // --lr
	Beta1         float64 `json:"beta1"`          // --beta1
	Beta2         float64 `json:"beta2"`          // --beta2
	Eps           float64 `json:"eps"`            // --eps
	WeightDecay   float64 `json:"weight_decay"`   // --weight-decay
	DecayMatrices bool    `json:"decay_matrices"` // --decay-matrices: spare biases and norms the weight decay
	Clip          float64 `json:"clip"`           // --clip: largest norm of the gradient; 0: any

	Schedule   string  `json:"schedule"`    // --schedule: constant, cosine, exponential or plateau
	Warmup     int     `json:"warmup"`      // --warmup: steps of linear rise before the schedule
	FinalRate  float64 `json:"final_rate"`  // --final-rate: where cosine ends, as a share of the learning rate
	DropFactor float64 `json:"drop_factor"` // --drop-factor: what exponential and plateau multiply by
	DropEvery  int     `json:"drop_every"`  // --drop-every: steps (exponential) or evaluations without progress (plateau)

	Precision string `json:"precision"` // of matrix products, see [tensor.Device.Precision]; [Run] sets it

	EMA      float64 `json:"ema"`      // --ema: decay of the averaged weights; 0: none
	Patience int     `json:"patience"` // --patience: evaluations without progress before stopping; 0: don't stop early

	LogEvery        int `json:"log_every"`        // --log-every: steps between lines of metrics
	EvalEvery       int `json:"eval_every"`       // --eval-every: steps between evaluations; 0: only at the end
	SampleEvery     int `json:"sample_every"`     // --sample-every: likewise, samples
	CheckpointEvery int `json:"checkpoint_every"` // --checkpoint-every: likewise, checkpoints
}

// DefaultConfig is a reasonable start; Steps or Epochs remain to be set.
func DefaultConfig() Config {
	return Config{
		Batch: 32, Accumulate: 1, Seed: 1,
		Optimizer: "adam", LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8,
		Schedule: "constant", DropFactor: 0.5, DropEvery: 5,
		LogEvery: 10, EvalEvery: 500, SampleEvery: 500, CheckpointEvery: 500,
	}
}

// FlagSet is what the standard library's and pflag's sets of flags have in common.
type FlagSet interface {
	IntVar(p *int, name string, value int, usage string)
	Uint64Var(p *uint64, name string, value uint64, usage string)
	Float64Var(p *float64, name string, value float64, usage string)
	StringVar(p *string, name string, value string, usage string)
	BoolVar(p *bool, name string, value bool, usage string)
}

// Flags adds a flag for each field, with the present value as its default.
func (c *Config) Flags(fs FlagSet) {
	whole := func(p *int, name, usage string) { fs.IntVar(p, name, *p, usage) }
	real := func(p *float64, name, usage string) { fs.Float64Var(p, name, *p, usage) }
	whole(&c.Steps, "steps", "optimizer steps (instead of --epochs)")
	whole(&c.Epochs, "epochs", "passes over the data (instead of --steps)")
	whole(&c.Batch, "batch", "items in a batch")
	whole(&c.Accumulate, "accumulate", "batches whose gradients are averaged for a step")
	fs.Uint64Var(&c.Seed, "seed", c.Seed, "seed of everything drawn at random")
	fs.StringVar(&c.Optimizer, "optimizer", c.Optimizer, "adam or adamw")
	real(&c.LearningRate, "lr", "learning rate")
	real(&c.Beta1, "beta1", "decay of Adam's first moment")
	real(&c.Beta2, "beta2", "decay of Adam's second moment")
	real(&c.Eps, "eps", "Adam's epsilon")
	real(&c.WeightDecay, "weight-decay", "weight decay")
	fs.BoolVar(&c.DecayMatrices, "decay-matrices", c.DecayMatrices, "spare biases and norms the weight decay")
	real(&c.Clip, "clip", "largest norm of the gradient; 0 allows any")
	fs.StringVar(&c.Schedule, "schedule", c.Schedule, "learning rate over time: constant, cosine, exponential or plateau")
	whole(&c.Warmup, "warmup", "steps over which the learning rate rises first")
	real(&c.FinalRate, "final-rate", "where --schedule cosine ends, as a share of --lr")
	real(&c.DropFactor, "drop-factor", "what --schedule exponential and plateau multiply the learning rate by")
	whole(&c.DropEvery, "drop-every", "steps between drops (exponential), or evaluations without progress before one (plateau)")
	real(&c.EMA, "ema", "decay of an average of the weights that is used instead of the last ones, such as 0.999; 0 for none")
	whole(&c.Patience, "patience", "stop after so many evaluations without progress and keep the best weights; 0 never stops early")
	whole(&c.LogEvery, "log-every", "steps between lines of metrics")
	whole(&c.EvalEvery, "eval-every", "steps between evaluations on held-out data; 0 for one at the end")
	whole(&c.SampleEvery, "sample-every", "steps between samples; 0 for one at the end")
	whole(&c.CheckpointEvery, "checkpoint-every", "steps between checkpoints; 0 for one at the end")
}

// Validate checks the values by themselves. Errors name the flag and what it takes.
func (c *Config) Validate() error {
	if c.Steps > 0 && c.Epochs > 0 {
		return fmt.Errorf("--steps %d: can't be combined with --epochs %d; give one of them", c.Steps, c.Epochs)
	}
	if c.Steps == 0 && c.Epochs == 0 {
		return fmt.Errorf("--steps 0: nothing to train; give --steps or --epochs")
	}
	for _, f := range []struct {
		flag  string
		value int
		least int
	}{
		{"steps", c.Steps, 0}, {"epochs", c.Epochs, 0}, {"batch", c.Batch, 1}, {"accumulate", c.Accumulate, 1},
		{"warmup", c.Warmup, 0}, {"drop-every", c.DropEvery, 1}, {"patience", c.Patience, 0}, {"log-every", c.LogEvery, 1},
		{"eval-every", c.EvalEvery, 0}, {"sample-every", c.SampleEvery, 0}, {"checkpoint-every", c.CheckpointEvery, 0},
	} {
		if f.value < f.least {
			return fmt.Errorf("--%s %d: is out of range; choose %d or more", f.flag, f.value, f.least)
		}
	}
	for _, f := range []struct {
		flag    string
		value   float64
		ok      bool
		allowed string
	}{
		{"lr", c.LearningRate, c.LearningRate > 0, "a number above 0"},
		{"beta1", c.Beta1, c.Beta1 >= 0 && c.Beta1 < 1, "0 or more and less than 1"},
		{"beta2", c.Beta2, c.Beta2 >= 0 && c.Beta2 < 1, "0 or more and less than 1"},
		{"eps", c.Eps, c.Eps > 0, "a number above 0"},
		{"weight-decay", c.WeightDecay, c.WeightDecay >= 0, "0 or more"},
		{"clip", c.Clip, c.Clip >= 0, "0 or more"},
		{"final-rate", c.FinalRate, c.FinalRate >= 0 && c.FinalRate <= 1, "0 to 1"},
		{"drop-factor", c.DropFactor, c.DropFactor > 0 && c.DropFactor <= 1, "more than 0, at most 1"},
		{"ema", c.EMA, c.EMA >= 0 && c.EMA < 1, "0 or more and less than 1, such as 0.999"},
	} {
		if !f.ok || math.IsInf(f.value, 0) {
			return fmt.Errorf("--%s %v: is out of range; choose %s", f.flag, f.value, f.allowed)
		}
	}
	switch c.Optimizer {
	case "adam", "adamw":
	default:
		return fmt.Errorf("--optimizer %s: is not known; choose adam or adamw", c.Optimizer)
	}
	switch c.Schedule {
	case "constant", "cosine", "exponential", "plateau":
	default:
		return fmt.Errorf("--schedule %s: is not known; choose constant, cosine, exponential or plateau", c.Schedule)
	}
	return nil
}

// validateFor checks the values against what is trained.
func (c *Config) validateFor(t *Task) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if least := t.smallestBatch(); c.Batch < least {
		return fmt.Errorf("--batch %d: the %s has batch norm, which can't be trained on a single row; choose %d or more", c.Batch, t.Model, least)
	}
	if steps := c.total(t.Source); c.Warmup >= steps {
		return fmt.Errorf("--warmup %d: leaves nothing of the %d steps; choose fewer", c.Warmup, steps)
	}
	if t.Evaluate == nil && c.Patience > 0 {
		return fmt.Errorf("--patience %d: there is no held-out data to stop by; give some, or leave it out", c.Patience)
	}
	if t.Evaluate == nil && c.Schedule == "plateau" {
		return fmt.Errorf("--schedule plateau: there is no held-out data to judge by; give some, or choose cosine")
	}
	if c.EvalEvery == 0 && (c.Patience > 0 || c.Schedule == "plateau") {
		return fmt.Errorf("--eval-every 0: --patience and --schedule plateau need evaluations on the way; choose 1 or more")
	}
	return nil
}

// validateResume checks the values against those that the run was started with: these decide what the random streams,
// the place in the data and the moments mean.
func (c *Config) validateResume(old *Config) error {
	for _, f := range []struct {
		flag     string
		now, was any
	}{
		{"batch", c.Batch, old.Batch}, {"accumulate", c.Accumulate, old.Accumulate}, {"seed", c.Seed, old.Seed},
		{"optimizer", c.Optimizer, old.Optimizer}, {"ema", c.EMA, old.EMA}, {"schedule", c.Schedule, old.Schedule},
	} {
		if f.now != f.was {
			return fmt.Errorf("--%s %v: the run was started with %v; resume with that, or start a new run", f.flag, f.now, f.was)
		}
	}
	return nil
}

// total is the number of steps of the whole training.
func (c *Config) total(s Source) int {
	if c.Steps > 0 {
		return c.Steps
	}
	return max(1, (c.Epochs*s.Batches()+c.Accumulate-1)/c.Accumulate)
}

// schedule is the pure part of the learning rate's schedule.
func (c *Config) schedule(total int) Schedule {
	s := Constant()
	switch c.Schedule {
	case "cosine":
		s = Cosine(total-c.Warmup, c.FinalRate)
	case "exponential":
		s = Exponential(c.DropFactor, c.DropEvery)
	}
	if c.Warmup > 0 {
		s = Warmup(c.Warmup, s)
	}
	return s
}

func (c *Config) adam() AdamOptions {
	return AdamOptions{
		Beta1: c.Beta1, Beta2: c.Beta2, Eps: c.Eps,
		WeightDecay: c.WeightDecay, Decoupled: c.Optimizer == "adamw", MatricesOnly: c.DecayMatrices,
	}
}
