package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// sparseJob computes rows of a product with a sparse matrix.
type sparseJob struct {
	kernel.Sparse
	simd          *simd.Passes
	begins, index []int32
	weights, x, y []float32
}

// SparseProduct implements kernel.Movement.
func (d *Device) SparseProduct(s kernel.Sparse, begins, index, weights, x, y kernel.Buffer) {
	terms := index.Len / max(1, s.Rows)
	run(d, s.Rows, rowsPerTask((terms+1)*s.Width), &d.jobs.sparse, sparseJob{
		Sparse: s, simd: d.simd, begins: ints(begins), index: ints(index), weights: f32(weights), x: f32(x), y: f32(y),
	})
}

func (j *sparseJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		y := row(j.y, r, j.Width)
		clear(y)
		for k := j.begins[r]; k < j.begins[r+1]; k++ {
			j.simd.AddScaled(j.weights[k], row(j.x, int(j.index[k]), j.Width), y)
		}
	}
}
