package ranks

import (
	"context"
	"encoding/binary"
	"iter"
	"math"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Chunks iterates over the chunks of most of n items that this rank evaluates, from lo to hi−1: every Size-th one. Ranks add what they
// find by [Add]. The chunks don't depend on the number of ranks.
func Chunks(d *tensor.Device, n, most int) iter.Seq2[int, int] {
	rank, size := 0, 1
	if g := engine.Evaluators(d); g != nil {
		rank, size = g.Place().Rank, g.Place().Size
	}
	return func(yield func(lo, hi int) bool) {
		for i := rank; i*most < n; i += size {
			if !yield(i*most, min((i+1)*most, n)) {
				return
			}
		}
	}
}

// Add replaces values by their sums over the ranks that evaluate, in the order of the ranks. All of them must call it, also after an
// error, as others wait.
func Add(d *tensor.Device, values ...*float64) {
	g := engine.Evaluators(d)
	if g == nil {
		return
	}
	var own []byte
	for _, v := range values {
		own = binary.LittleEndian.AppendUint64(own, math.Float64bits(*v))
		*v = 0
	}
	all, err := g.Gather(context.Background(), own)
	must(err)
	for _, b := range all {
		for i, v := range values {
			*v += math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
}
