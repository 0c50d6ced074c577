package gemm

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// idle is the share of the threads' time that is idle when tasks of these sizes are taken in order.
func idle(threads int, sizes []int) float64 {
	free, total, last := make([]int, threads), 0, 0
	for _, size := range sizes {
		first := 0
		for i, at := range free {
			if at < free[first] {
				first = i
			}
		}
		free[first] += size
		total, last = total+size, max(last, free[first])
	}
	return 1 - float64(total)/float64(threads*last)
}

// counts are the numbers of threads that are simulated.
var counts = []int{2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64}

// withEngines calls f with an engine for each number of threads.
func withEngines(t *testing.T, f func(e *Engine, threads int)) {
	t.Helper()
	if simd.Detect() == simd.Portable {
		t.Skip("this processor has no microkernels")
	}
	for _, threads := range counts {
		p := pool.New(threads)
		f(New(simd.Detect(), Float32, p), threads)
		p.Close()
	}
}

// TestIdleRows simulates the tasks of products as they occur in trainings, for up to 64 threads. At the end of a job, no more than a
// tenth of the threads' time may be idle.
func TestIdleRows(t *testing.T) {
	for _, shape := range []struct {
		name           string
		batch, m, n, k int
	}{
		{"gemm/1024", 1, 1024, 1024, 1024},
		{"a layer of DALL-E", 1, 1280, 2048, 512},
		{"its logits", 1, 1280, 49408, 512},
		{"a convolution of 64 channels", 1, 32768, 64, 576},
		{"a convolution of 256 channels", 1, 2048, 256, 2304},
		{"a coupling", 1, 256, 1024, 1024},
		{"the last layer of an autoencoder", 1, 32, 8192, 256},
		{"heads of attention", 32, 320, 320, 64},
	} {
		most := 0.1
		withEngines(t, func(e *Engine, threads int) {
			most := most
			if threads == 48 && (shape.m == 32 || shape.name == "a coupling") {
				most = 0.112 // smaller tasks would take longer: parts of the 32 rows would each pack B again
			}
			e.AddRows(RowsJob{Batch: shape.batch, M: shape.m, N: shape.n, Depth: shape.k, Taps: WholeDepth, A: MatrixGrid(0, shape.m, 0), C: MatrixGrid(0, shape.m, 0)})
			j := e.rows[0]
			var sizes []int
			for task := range j.tasks() {
				m0, m1, n0, n1 := e.rectangle(&j, task)
				sizes = append(sizes, (m1-m0)*(n1-n0))
			}
			if share := idle(threads, sizes); share > most {
				t.Errorf("%s, %d threads: %.0f %% idle with %d×%d tasks", shape.name, threads, 100*share, j.mTasks, j.nTasks)
			}
		})
	}
}

// TestIdleColumns is TestIdleRows for the gradients of weights.
func TestIdleColumns(t *testing.T) {
	for _, shape := range []struct {
		name          string
		taps, m, n, k int
	}{
		{"a layer of DALL-E", 1, 512, 2048, 1280},
		{"its logits", 1, 512, 49408, 1280},
		{"a convolution of 64 channels", 9, 64, 64, 32768},
		{"a convolution of 256 channels", 9, 256, 256, 2048},
		{"a coupling", 1, 1024, 1024, 256},
	} {
		withEngines(t, func(e *Engine, threads int) {
			j := ColumnsJob{Batch: 1, M: shape.m, N: shape.n, Depth: shape.k, Taps: make([]Tap, shape.taps)}
			e.planColumns(&j)
			var sizes []int
			for task := range j.tasks() {
				tile0, tile1, n0, n1 := e.columnsRectangle(&j, task)
				sizes = append(sizes, (tile1-tile0)*(n1-n0))
			}
			tiles := shape.taps * Ceil(shape.m, e.Height) * Ceil(shape.n, e.Width())
			most := 0.1
			if e.Height == 6 && shape.m == 64 && threads == 64 {
				most = 0.125 // 64 rows are 10 tiles of 6 and one of 4
			}
			if share := idle(threads, sizes); share > most && j.parts*tiles >= 4*threads { // fewer can't be cut evenly
				t.Errorf("%s, %d threads: %.0f %% idle with %d×%d×%d tasks", shape.name, threads, 100*share, j.parts, j.mTasks, j.nTasks)
			}
		})
	}
}

// TestCut shows the cuts of products on two threads: few rows are not divided, since each part of them would pack all of B; nor are
// few columns, since each part of them would fetch all of A.
func TestCut(t *testing.T) {
	for _, c := range []struct {
		units, panels, minN int // of 12 rows, of 32 columns
		m, n                int
	}{
		{27, 16, 1, 1, 2},  // 320 × 256 × 512
		{43, 32, 2, 1, 2},  // 512 × 256 × 1,024
		{224, 4, 1, 4, 1},  // 2,688 × 512 × 128
		{246, 8, 2, 4, 2},  // 2,944 × 1,024 × 256
		{86, 32, 8, 1, 8},  // 1,024 × 1,024 × 1,024
		{2731, 2, 1, 8, 1}, // a convolution of 64 channels over 32 pictures
		{3, 256, 1, 1, 8},  // 32 × 256 × 8,192
		{1, 1, 1, 1, 1},
	} {
		job := cutting{threads: 2, batch: 1, units: c.units, panels: c.panels, maxM: max(c.units/2, 1), minN: c.minN, perPanel: packCost, perUnits: gatherCost}
		if m, n := job.cut(); m != c.m || n != c.n {
			t.Errorf("%d units by %d panels, at least %d parts of these: %d×%d parts, not %d×%d", c.units, c.panels, c.minN, m, n, c.m, c.n)
		}
	}
}
