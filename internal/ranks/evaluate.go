package ranks

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"math"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Chunks iterates over the chunks of most of n items that this rank evaluates, from lo to hi−1: every Size-th one. Ranks add what they
// find by [Add]. The chunks don't depend on the number of ranks. Within a chunk, a rank evaluates alone.
func Chunks(d *tensor.Device, n, most int) iter.Seq2[int, int] {
	return func(yield func(lo, hi int) bool) {
		rank, size := 0, 1
		if g := engine.Evaluators(d); g != nil {
			rank, size = g.Place().Rank, g.Place().Size
			engine.SetEvaluators(d, nil)
			defer engine.SetEvaluators(d, g)
		}
		for i := rank; i*most < n; i += size {
			if !yield(i*most, min((i+1)*most, n)) {
				return
			}
		}
	}
}

// Add replaces values by their sums over the ranks that evaluate, in the order of the ranks. All of them must call it, also one that has
// failed: it returns failed, or an error if another rank has failed.
func Add(d *tensor.Device, failed error, values ...*float64) error {
	g := engine.Evaluators(d)
	if g == nil {
		return failed
	}
	own := []byte{0}
	if failed != nil {
		own[0] = 1
	}
	for _, v := range values {
		own = binary.LittleEndian.AppendUint64(own, math.Float64bits(*v))
		*v = 0
	}
	all, err := g.Gather(context.Background(), own)
	must(err)
	for _, b := range all {
		if b[0] != 0 && failed == nil {
			failed = errors.New("another rank has failed to evaluate its part")
		}
		for i, v := range values {
			*v += math.Float64frombits(binary.LittleEndian.Uint64(b[1+8*i:]))
		}
	}
	return failed
}
