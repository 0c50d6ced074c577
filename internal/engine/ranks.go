package engine

import (
	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/tensor"
)

// ShareGenerator makes g draw the numbers for one of size equal shares of each batch, so that all ranks together draw what one
// generator draws for the whole batch. A tensor that g draws must have a row for each item of the share; numbers that are drawn for
// rows one by one are drawn within Rows; Intn and Permutation outside of it draw the same on all ranks. size 1 ends it.
func ShareGenerator(g *tensor.Generator, rank, size int) { below.ShareGenerator(g, rank, size) }

// Rows calls draw for each row of a whole batch, of which the caller has n: with the number of the row among the n, or −1 for a row of
// another rank. draw draws the same from g in both cases. Without ranks, it is called for 0 to n−1.
func Rows(g *tensor.Generator, n int, draw func(row int)) { below.Rows(g, n, draw) }

// WhenReady makes Backward in s call ready for each leaf when its gradient is complete, as soon as that is sure. Leaves that are used
// within nested steps are never sure.
func WhenReady(s *tensor.Step, ready func(leaf *tensor.Tensor)) { below.WhenReady(s, ready) }

// DropGrad releases the memory of a leaf's gradient to the device's pool.
func DropGrad(leaf *tensor.Tensor) { below.DropGrad(leaf) }

// SetGroup tells a device of the ranks of a training, for what a loss computes over the whole batch; nil ends it.
func SetGroup(d *tensor.Device, g comm.Group) { below.SetGroup(d, g) }

// Group returns the ranks among which each batch is divided; nil if there is one only.
func Group(d *tensor.Device) comm.Group { return below.Group(d) }

// SetEvaluators tells a device of the ranks that evaluate a model together; nil ends it.
func SetEvaluators(d *tensor.Device, g comm.Group) { below.SetEvaluators(d, g) }

// Evaluators returns the ranks that evaluate a model together; nil if there is one only.
func Evaluators(d *tensor.Device) comm.Group { return below.Evaluators(d) }
