package bench

import (
	"sync"
	"time"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// fmaRounds is the number of rounds of the FMA loop in a call: some tens of microseconds.
const fmaRounds = 10_000

// fmaRate runs multiply-adds on registers on a number of threads for about d. It returns the floating-point operations per
// second of all threads together; 0 where there is no such loop.
func fmaRate(threads int, d time.Duration) float64 {
	level := simd.Detect()
	done := make([]float64, threads)
	start := time.Now()
	var all sync.WaitGroup
	for i := range threads {
		all.Go(func() {
			for {
				flops := simd.FMALoop(level, fmaRounds)
				done[i] += flops
				if flops == 0 || time.Since(start) >= d {
					return
				}
			}
		})
	}
	all.Wait()
	sum := 0.0
	for _, flops := range done {
		sum += flops
	}
	return sum / time.Since(start).Seconds()
}
