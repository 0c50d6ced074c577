package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// smallSide is the number of rows and columns of sums that a block of gemm_small has: SIDE in small.cu.
const smallSide = 16

// smallServes tells whether a product takes less time in many small blocks than in tiles, by what both are reckoned to
// take in cycles: where tiles keep a GPU busy only with their depth split, for whose parts blocks wait.
func (d *Device) smallServes(g kernel.Gemm) bool {
	const (
		depth   = 256    // that a block deals with at a time
		waiting = 1200.0 // until its numbers are there, and for its sums to be added up
		busy    = 1400.0 // that a processor is with them
	)
	blocks, rounds := tilesDown(g.M)*tilesDown(g.N)*g.Batch, (g.K+depth-1)/depth
	waves := (blocks + d.info.Processors - 1) / d.info.Processors
	return waiting+busy*float64(rounds*waves) < d.planned("products", "gemm", g.M, g.N, g.K, g.Batch).cycles
}

func tilesDown(n int) int { return (n + smallSide - 1) / smallSide }

// gemmSmall computes a product in small blocks.
func (d *Device) gemmSmall(g kernel.Gemm, a, b, bias, c kernel.Buffer) {
	p := d.product(g, a, b, bias, c)
	p.across = size32(tilesDown(g.N))
	d.launch(function{"small", "gemm_small"}, dim3{uint32(tilesDown(g.M) * tilesDown(g.N)), 1, uint32(g.Batch)}, dim3{tileThreads, 1, 1}, 0, structArg(p))
}
