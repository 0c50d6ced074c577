package train

import (
	"cmp"
	"strings"

	"github.com/bestiary-ml/bestiary/nn"
)

// Config says how a model is trained.
type Config struct {
	Steps  int `json:"steps"`  // optimizer steps; 0: as many as Epochs take
	Epochs int `json:"epochs"` // passes over the data; 0: as many as Steps take

	Batch      int    `json:"batch"`      // items in a batch
	Accumulate int    `json:"accumulate"` // gradient accumulation: batches whose gradients are averaged for a step
	Seed       uint64 `json:"seed"`       // of all random numbers

	Optimizer     string  `json:"optimizer"`      // "adam", "adamw" or "sgd"
	LearningRate  float64 `json:"learning_rate"`  // before the schedule
	Beta1         float64 `json:"beta1"`          // decay of Adam's first moment
	Beta2         float64 `json:"beta2"`          // decay of Adam's second moment
	Eps           float64 `json:"eps"`            // Adam's ε
	Momentum      float64 `json:"momentum"`       // of SGD
	Nesterov      bool    `json:"nesterov"`       // Nesterov's form of SGD's momentum
	BiasRate      float64 `json:"bias_rate"`      // factor of the learning rate of biases, with SGD; 0 means 1
	WeightDecay   float64 `json:"weight_decay"`   // L2 penalty with adam and sgd, decoupled with adamw
	DecayMatrices bool    `json:"decay_matrices"` // exclude biases and norms from weight decay
	Clip          float64 `json:"clip"`           // gradient clipping: largest norm of the gradient; 0: no limit

	Schedule   string  `json:"schedule"`             // "constant", "cosine", "exponential", "multistep" or "plateau"
	Warmup     int     `json:"warmup"`               // learning-rate warmup: steps of linear rise before the schedule
	FinalRate  float64 `json:"final_rate"`           // final learning rate of cosine, as a share of LearningRate
	DropFactor float64 `json:"drop_factor"`          // factor by which exponential, multistep and plateau lower the learning rate
	DropEvery  int     `json:"drop_every"`           // steps between drops (exponential), or evaluations without progress (plateau)
	Milestones []int   `json:"milestones,omitempty"` // steps of the training after which multistep lowers the learning rate

	Precision string `json:"precision"` // of matrix products, see [tensor.Device.Precision]; [Run] sets it

	EMA      float64 `json:"ema"`      // decay of the exponential moving average of the weights; 0: no average
	Patience int     `json:"patience"` // early stopping: evaluations without progress before the training stops; 0: never

	LogEvery        int `json:"log_every"`        // steps between lines of metrics
	EvalEvery       int `json:"eval_every"`       // steps between evaluations on held-out data; 0: only at the end
	SampleEvery     int `json:"sample_every"`     // steps between samples; 0: only at the end
	CheckpointEvery int `json:"checkpoint_every"` // steps between checkpoints; 0: only at the end
}

// DefaultConfig returns usual settings. Steps or Epochs remain to be set.
func DefaultConfig() Config {
	adam := DefaultAdam()
	return Config{
		Batch: 32, Accumulate: 1, Seed: 1,
		Optimizer: "adam", LearningRate: 1e-3, Beta1: adam.Beta1, Beta2: adam.Beta2, Eps: adam.Eps, Momentum: 0.9, BiasRate: 1,
		Schedule: "constant", DropFactor: 0.5, DropEvery: 5,
		LogEvery: 10, EvalEvery: 500, SampleEvery: 500, CheckpointEvery: 500,
	}
}

// total returns the number of steps of the whole training, with that many batches in an epoch.
func (c *Config) total(batches int) int {
	if c.Steps > 0 {
		return c.Steps
	}
	return max(1, (c.Epochs*batches+c.Accumulate-1)/c.Accumulate)
}

// schedule returns the schedule of the learning rate, but for the plateau schedule, which depends on the training.
func (c *Config) schedule(total int) Schedule {
	s := Constant()
	switch c.Schedule {
	case "cosine":
		s = Cosine(total-c.Warmup, c.FinalRate)
	case "exponential":
		s = Exponential(c.DropFactor, c.DropEvery)
	case "multistep":
		after := make([]int, len(c.Milestones)) // the warmup
		for i, m := range c.Milestones {
			after[i] = max(0, m-c.Warmup)
		}
		s = Steps(c.DropFactor, after...)
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

// sgd returns the constants of SGD. Biases, the parameters named "bias", have a rate of their own.
func (c *Config) sgd() SGDOptions {
	o := SGDOptions{Momentum: c.Momentum, Nesterov: c.Nesterov, WeightDecay: c.WeightDecay}
	o.Group = func(p nn.Param) SGDGroup {
		g := SGDGroup{Rate: 1, WeightDecay: c.WeightDecay}
		if p.Path == "bias" || strings.HasSuffix(p.Path, ".bias") {
			g.Rate = cmp.Or(c.BiasRate, 1)
		}
		if c.DecayMatrices && p.Tensor.Rank() < 2 {
			g.WeightDecay = 0
		}
		return g
	}
	return o
}
