package comm

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
)

// TestBfloat16 sums numbers with small parts that bfloat16 can't hold, by ranks of this process: each sum is near the right one, the
// total of many is right but for what is kept, and all ranks have the same.
func TestBfloat16(t *testing.T) {
	const size, n, steps = 4, 6, 200
	ctx := context.Background()
	type result struct{ reduced, scattered [2][size * n]float64 } // last sums, and totals
	results := make([]result, size)
	value := func(rank, i int) float32 { return float32(100*(rank+1)) + float32(i)/1000 }
	var all sync.WaitGroup
	for rank, g := range Local(size) {
		all.Go(func() {
			x, own := make([]float32, size*n), make([]float32, n)
			lost := [2][]float32{make([]float32, size*n), make([]float32, size*n)}
			fill := func() {
				for i := range x {
					x[i] = value(rank, i)
				}
			}
			r := &results[rank]
			for range steps {
				fill()
				if err := g.AllReduceBfloat16(ctx, x, lost[0]).Wait(); err != nil {
					t.Error(err)
				}
				for i, v := range x {
					r.reduced[0][i], r.reduced[1][i] = float64(v), r.reduced[1][i]+float64(v)
				}
				fill()
				if err := g.ReduceScatterBfloat16(ctx, own, x, lost[1]).Wait(); err != nil {
					t.Error(err)
				}
				for i, v := range own {
					at := rank*n + i
					r.scattered[0][at], r.scattered[1][at] = float64(v), r.scattered[1][at]+float64(v)
				}
			}
			if err := errors.Join(g.Barrier(ctx), g.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range size * n {
		want := 0.0
		for rank := range size {
			want += float64(value(rank, i))
			if results[rank].reduced != results[0].reduced {
				t.Fatalf("rank %d has other sums than rank 0", rank)
			}
		}
		for name, r := range map[string][2][size * n]float64{"AllReduce": results[0].reduced, "ReduceScatter": results[i/n].scattered} {
			if off := math.Abs(r[0][i] - want); off > want/100 {
				t.Errorf("%s: the last sum of element %d is %v, want about %v", name, i, r[0][i], want)
			}
			if off := math.Abs(r[1][i]/steps - want); off > want/100/steps {
				t.Errorf("%s: the mean sum of element %d is %v, want %v", name, i, r[1][i]/steps, want)
			}
		}
	}
}
