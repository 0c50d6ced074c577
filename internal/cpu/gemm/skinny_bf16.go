package gemm

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// At precision medium, a skinny product reads a constant B as bfloat16 numbers, half the bytes, on any processor: the kernels widen them
// to float32, and A and the sums stay float32. The copy is made once. It has the order in which the tasks read it:
//
//   - B not transposed: chunk after chunk of leastChunk columns, the last one of what is left of the whole groups. A chunk has all rows
//     of B, and zeros up to a multiple of four.
//   - B transposed: the rows of B as they are stored, a multiple of four, each of its whole groups.
//
// What is left of rows and columns is read in float32.

// wholeGroups is n, rounded down to whole groups.
func wholeGroups(n int) int { return n / simd.BF16Group * simd.BF16Group }

// roundedWeights returns B in bfloat16, or nil if it is read in float32: because of the precision, because it may change, or because the
// cache of constants is full.
func (p *Engine) roundedWeights(g kernel.Gemm, b []float32) []float32 {
	if !p.RoundConstants || g.Constant == 0 {
		return nil
	}
	rows, size := g.K, Ceil(g.K, 4)*4*wholeGroups(g.N)/2
	if g.TransB {
		rows = g.N / 4 * 4
		size = rows * wholeGroups(g.K) / 2
	}
	if size == 0 {
		return nil
	}
	room, kept := p.Constants.Room(Constant{Weights: g.Constant, Transposed: g.TransB, rounded: true}, size)
	if room == nil || kept {
		return room
	}
	tasks := min(rows, 4*p.Pool.Threads())
	p.Pool.Run(tasks, func(task, _ int) {
		for r := Split(rows, task, tasks); r < Split(rows, task+1, tasks); r++ {
			row := b[r*g.LdB:]
			if g.TransB {
				whole := wholeGroups(g.K)
				simd.RoundGroups(row[:whole], room[r*whole/2:])
				continue
			}
			for n := 0; n < wholeGroups(g.N); n += leastChunk {
				chunk, columns := roundedChunk(room, g, n)
				simd.RoundGroups(row[n:][:columns], chunk[r*columns/2:])
			}
		}
	})
	return room
}

// roundedChunk returns the chunk that begins with column n, and the number of its columns.
func roundedChunk(rounded []float32, g kernel.Gemm, n int) (pairs []float32, columns int) {
	return rounded[n/2*Ceil(g.K, 4)*4:], min(leastChunk, wholeGroups(g.N)-n)
}

// skinnyRounded is skinnySums with weights in bfloat16, for the whole groups of the chunk that begins with column n0. It returns the number
// of columns that it has done.
func (p *Engine) skinnyRounded(w *Worker, j *skinnyJob, rows []float32, ld, k0, k1, n0 int) int {
	if n0 >= wholeGroups(j.N) {
		return 0
	}
	b, columns := roundedChunk(j.rounded, j.Gemm, n0)
	stride := columns / 2
	w.four = [2][4]float32{} // factors of the last rows, fewer than four
	for k := k0; k < k1; k += 4 {
		factors := func(m, i int) *[4]float32 {
			a := j.a[m*j.LdA+k:]
			if k+4 <= k1 {
				return (*[4]float32)(a)
			}
			copy(w.four[i][:], a[:k1-k])
			return &w.four[i]
		}
		b, m := b[k*stride:], 0
		if k+4 < k1 && j.M > 2 { // a core doesn't look ahead so far while it computes
			p.Passes.Prefetch(b[4*stride:][:4*stride])
		}
		for ; m+2 <= j.M; m += 2 {
			p.Passes.AddRowsTo2BF16(factors(m, 0), factors(m+1, 1), b, stride, rows[m*ld:][:columns], rows[(m+1)*ld:][:columns])
		}
		if m < j.M {
			p.Passes.AddRowsBF16(factors(m, 0), b, stride, rows[m*ld:][:columns])
		}
	}
	return columns
}

// dotsRounded is Passes.DotRows of x and four rows, from n on, of a transposed B in bfloat16. It overwrites rest.
func (p *Engine) dotsRounded(j *skinnyJob, n int, x []float32, dots, rest *[4]float32) {
	whole := wholeGroups(j.K)
	p.Passes.DotRowsBF16(x[:whole], j.rounded[n*whole/2:], whole/2, dots)
	if whole == j.K {
		return
	}
	p.Passes.DotRows(x[whole:], j.b[n*j.LdB+whole:], j.LdB, rest)
	for r, v := range rest {
		dots[r] += v
	}
}
