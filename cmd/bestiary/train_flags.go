package main

import (
	"github.com/bestiary-ml/bestiary/train"
	"github.com/spf13/pflag"
)

// addConfigFlags adds a flag for each field of a training's settings, with the present value as its default.
func addConfigFlags(fs *pflag.FlagSet, c *train.Config) {
	whole := func(p *int, name, usage string) { fs.IntVar(p, name, *p, usage) }
	real := func(p *float64, name, usage string) { fs.Float64Var(p, name, *p, usage) }
	whole(&c.Steps, "steps", "optimizer steps (instead of --epochs)")
	whole(&c.Epochs, "epochs", "passes over the data (instead of --steps)")
	whole(&c.Batch, "batch", "items in a batch")
	whole(&c.Accumulate, "accumulate", "gradient accumulation: batches whose gradients are averaged for a step")
	fs.Uint64Var(&c.Seed, "seed", c.Seed, "seed of all random numbers")
	fs.StringVar(&c.Optimizer, "optimizer", c.Optimizer, "adam, adamw or sgd")
	real(&c.LearningRate, "lr", "learning rate")
	real(&c.Beta1, "beta1", "decay of Adam's first moment")
	real(&c.Beta2, "beta2", "decay of Adam's second moment")
	real(&c.Eps, "eps", "Adam's epsilon")
	real(&c.Momentum, "momentum", "momentum of --optimizer sgd")
	fs.BoolVar(&c.Nesterov, "nesterov", c.Nesterov, "Nesterov's form of the momentum of --optimizer sgd")
	real(&c.BiasRate, "bias-rate", "factor of the learning rate of biases with --optimizer sgd (0: 1)")
	real(&c.WeightDecay, "weight-decay", "weight decay")
	fs.BoolVar(&c.DecayMatrices, "decay-matrices", c.DecayMatrices, "exclude biases and norms from weight decay")
	real(&c.Clip, "clip", "gradient clipping: largest norm of the gradient (0: no limit)")
	fs.StringVar(&c.Schedule, "schedule", c.Schedule, "learning rate over time: constant, cosine, exponential, multistep or plateau")
	whole(&c.Warmup, "warmup", "steps of linear learning-rate warmup")
	real(&c.FinalRate, "final-rate", "final learning rate of --schedule cosine, as a share of --lr")
	real(&c.DropFactor, "drop-factor", "factor by which --schedule exponential, multistep and plateau lower the learning rate")
	whole(&c.DropEvery, "drop-every", "steps between drops (exponential), or evaluations without progress before a drop (plateau)")
	fs.IntSliceVar(&c.Milestones, "milestones", c.Milestones, "steps after which --schedule multistep lowers the learning rate, such as 8000,10000")
	real(&c.EMA, "ema", "decay of the exponential moving average (EMA) of the weights, such as 0.999; the run keeps the averaged weights (0: no EMA)")
	whole(&c.Patience, "patience", "evaluations without progress before early stopping, which keeps the best weights (0: never)")
	whole(&c.LogEvery, "log-every", "steps between lines of metrics")
	whole(&c.EvalEvery, "eval-every", "steps between evaluations on held-out data (0: only at the end)")
	whole(&c.SampleEvery, "sample-every", "steps between samples (0: only at the end)")
	whole(&c.CheckpointEvery, "checkpoint-every", "steps between checkpoints (0: only at the end)")
}
