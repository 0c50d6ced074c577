package train

import (
	"github.com/bestiary-ml/bestiary/fault"
)

// Shard says what the ranks of a training divide among them, beside the batch (ZeRO; Rajbhandari et al., 2020). What is divided takes
// 1/N of the memory on each of N ranks. The results are the same.
type Shard string

// The shards, each with those before it.
const (
	ShardNone      Shard = "none"      // nothing: gradients are summed by all
	ShardOptimizer Shard = "optimizer" // the optimizer's moments: each rank updates a part of the weights, and all gather them
	ShardGradients Shard = "gradients" // the gradients: each rank keeps the sum of its part only

	// ShardParameters divides the parameters, which are gathered for a block of the model (see [nn.Enter]) before it computes, forward and
	// backward. What belongs to no block is gathered for the whole step. Evaluate, Calibrate, Samples and After have all of them; outside of
	// these and of Loss, reading a parameter ends the program or, on a GPU, the training.
	ShardParameters Shard = "parameters"
)

// Validate returns a [*fault.FieldError] for a value that isn't one of the above; "" is ShardNone.
func (s Shard) Validate() error {
	switch s {
	case "", ShardNone, ShardOptimizer, ShardGradients, ShardParameters:
		return nil
	}
	return fault.Field("Shard", s, "is not known; use none, optimizer, gradients or parameters")
}

// divides reports whether each rank updates a part of the weights only.
func (s Shard) divides() bool { return s == ShardOptimizer || s.dividesGradients() }

// dividesGradients reports whether each rank keeps a part of the gradients only.
func (s Shard) dividesGradients() bool { return s == ShardGradients || s == ShardParameters }
