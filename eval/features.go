package eval

import (
	"context"
	"math"
	"runtime"
	"sync"

	"github.com/bestiary-ml/bestiary/fault"
)

// Features are vectors of N pictures, by which sets of pictures are compared.
type Features struct {
	Rows []float32 // [N, Dim]
	Dim  int
}

// Len returns N.
func (f Features) Len() int {
	if f.Dim < 1 {
		return 0
	}
	return len(f.Rows) / f.Dim
}

// Row returns the vector [Dim] of picture i of [0, N). It is no copy.
func (f Features) Row(i int) []float32 { return f.Rows[i*f.Dim : (i+1)*f.Dim] }

// check returns a FieldError unless f has at least least rows of finite values.
func (f Features) check(field string, least int) error {
	if f.Dim < 1 || len(f.Rows)%f.Dim != 0 {
		return fault.Field(field, len(f.Rows), "must be a whole number of rows of Dim values, with Dim 1 or more, not %d", f.Dim)
	}
	if n := f.Len(); n < least {
		return fault.Field(field, n, "must have %d pictures or more for this measure", least)
	}
	for _, v := range f.Rows {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fault.Field(field, v, "must be finite numbers; the network that computes them has diverged")
		}
	}
	return nil
}

// checkPair checks two sets that are compared.
func checkPair(real, fake Features, least int) error {
	if err := real.check("Real", least); err != nil {
		return err
	}
	if err := fake.check("Fake", least); err != nil {
		return err
	}
	if real.Dim != fake.Dim {
		return fault.Field("Fake", fake.Dim, "must have the Dim of Real, %d: compute both by the same network", real.Dim)
	}
	return nil
}

// squaredDistance returns |a − b|², computed in float64.
func squaredDistance(a, b []float32) float64 {
	var s0, s1 float64
	b = b[:len(a)]
	i := 0
	for ; i+1 < len(a); i += 2 {
		d0, d1 := float64(a[i])-float64(b[i]), float64(a[i+1])-float64(b[i+1])
		s0 += d0 * d0
		s1 += d1 * d1
	}
	if i < len(a) {
		d := float64(a[i]) - float64(b[i])
		s0 += d * d
	}
	return s0 + s1
}

// eachRow calls f for 0 to n−1 in several goroutines. It ends early, with its error, when the context ends.
func eachRow(ctx context.Context, n int, f func(i int)) error {
	workers := min(n, runtime.GOMAXPROCS(0))
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < n && ctx.Err() == nil; i += workers {
				f(i)
			}
		})
	}
	wait.Wait()
	return ctx.Err()
}
