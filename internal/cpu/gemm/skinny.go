package gemm

import "github.com/bestiary-ml/bestiary/internal/kernel"

// skinnyJob is a skinny product: one of few rows, as in decoding one token at a time. Its time is that of reading B, so B is read once,
// in the order of memory, and not packed.
//
// If B is not transposed, tasks split the columns into chunks and the depth into parts (split-K). The sums of a task lie side by side,
// so that they stay in the level-1 cache: rows of C may be so far apart that all of them fall into a few of its sets. Two rows of
// sums share what is read of B. Otherwise, tasks split the rows of B as it is stored.
type skinnyJob struct {
	kernel.Gemm
	a, b, bias, c []float32
	rounded       []float32 // B in bfloat16, see roundedWeights; or nil
	parts, chunks int       // of the depth and of the columns; if B is transposed, chunks are parts of its rows
	sums          []float32 // [parts, chunks, M, columns of the chunk]
}

const (
	// SkinnyRows is the largest number of rows of a skinny product: reading B takes longer than computing.
	SkinnyRows = 4
	// SkinnyConstantRows is SkinnyRows for a constant B, as when several sequences are decoded together. B is then read from memory, which
	// takes longer than from a cache.
	SkinnyConstantRows = 16
	// SkinnyColumns is the least number of columns of a skinny product.
	SkinnyColumns = 128
	// skinnyParts is the number of parts of a large B. It is fixed, so that the order of the sums is.
	skinnyParts = 4
	// leastChunk and chunkSums are the least number of columns of a chunk and the number of sums that a chunk of several rows may have.
	leastChunk, chunkSums = 512, 4096
)

// multiplySkinny computes a skinny product; it returns false if g is not one.
func (p *Engine) multiplySkinny(g kernel.Gemm, a, b, bias, c []float32) bool {
	most := SkinnyRows
	if g.Constant != 0 {
		most = SkinnyConstantRows
	}
	if p.Uniform || g.M > most || g.Batch > 1 || g.TransA || g.K < 8 || g.N < SkinnyColumns {
		return false
	}
	p.mu.Lock()
	j := skinnyJob{Gemm: g, a: a, b: b, bias: bias, c: c, rounded: p.roundedWeights(g, b), parts: 1, chunks: 1}
	large := g.N*g.K > smallJob/4
	switch {
	case large && g.TransB:
		j.chunks = max(skinnyParts, p.Pool.Threads())
	case large:
		j.parts = skinnyParts
	}
	if !g.TransB {
		j.chunks = Ceil(g.N, j.chunk())
		j.sums = p.partialSums(j.parts * g.M * g.N)
	}
	p.skinnyJob = j
	p.runSome(large, j.parts*j.chunks, p.runSkinny)
	p.runSome(g.M*g.N > smallJob/4, j.chunks, p.runSkinnyEnd)
	p.skinnyJob = skinnyJob{}
	p.mu.Unlock()
	return true
}

// runSome runs tasks, on several threads if they are large.
func (p *Engine) runSome(large bool, tasks int, f func(task, worker int)) {
	if large {
		p.Pool.Run(tasks, f)
		return
	}
	for task := range tasks {
		f(task, 0)
	}
}

// chunk is the number of columns of a chunk of a B that isn't transposed. In bfloat16 it is that of the copy.
func (j *skinnyJob) chunk() int {
	if j.rounded != nil {
		return leastChunk
	}
	return max(leastChunk, wholeGroups(chunkSums/j.M))
}

// skinnyTask multiplies with a part of B.
func (p *Engine) skinnyTask(task, worker int) {
	j, w := &p.skinnyJob, p.Workers[worker]
	if j.TransB {
		from, to := Split(j.N/4, task, j.chunks)*4, Split(j.N/4, task+1, j.chunks)*4
		p.skinnyDots(w, j, from, to)
		if task == j.chunks-1 {
			p.skinnyRest(j, to)
		}
		return
	}
	part, n0 := task%j.parts, task/j.parts*j.chunk()
	from, to := Split(j.K/4, part, j.parts)*4, Split(j.K/4, part+1, j.parts)*4
	if part == j.parts-1 {
		to = j.K
	}
	p.skinnySums(w, j, part, from, to, n0, min(n0+j.chunk(), j.N))
}

// sumsOf returns the sums [M, n1−n0] of a part of the depth for the chunk of columns n0 to n1.
func (j *skinnyJob) sumsOf(part, n0, n1 int) []float32 {
	return j.sums[j.M*(part*j.N+n0):][:j.M*(n1-n0)]
}

// skinnySums adds columns n0 to n1 of rows k0 to k1 of B, each times its column of A.
func (p *Engine) skinnySums(w *Worker, j *skinnyJob, part, k0, k1, n0, n1 int) {
	rows, ld := j.sumsOf(part, n0, n1), n1-n0
	for m := range j.M {
		switch row := rows[m*ld:][:ld]; {
		case part == 0 && j.bias != nil:
			copy(row, j.bias[n0:n1])
		case part == 0 && j.Accumulate:
			copy(row, j.c[m*j.LdC:][n0:n1])
		default:
			clear(row)
		}
	}
	if j.rounded != nil {
		done := p.skinnyRounded(w, j, rows, ld, k0, k1, n0)
		n0, rows = n0+done, rows[done:]
	}
	columns := n1 - n0
	if columns == 0 {
		return
	}
	k := k0
	for ; k+4 <= k1; k += 4 {
		b, m := j.b[k*j.LdB+n0:], 0
		for ; m+2 <= j.M; m += 2 {
			a, c := j.a[m*j.LdA+k:], rows[m*ld:]
			p.Passes.AddRowsTo2((*[4]float32)(a), (*[4]float32)(a[j.LdA:]), b, j.LdB, c[:columns], c[ld:][:columns])
		}
		if m < j.M {
			p.Passes.AddRows((*[4]float32)(j.a[m*j.LdA+k:]), b, j.LdB, rows[m*ld:][:columns])
		}
	}
	for ; k < k1; k++ {
		for m := range j.M {
			p.Passes.AddScaled(j.a[m*j.LdA+k], j.b[k*j.LdB:][n0:n1], rows[m*ld:][:columns])
		}
	}
}

// skinnyEnd adds the sums of a chunk and applies the activation. If B is transposed, only the activation is left.
func (p *Engine) skinnyEnd(task, _ int) {
	j := &p.skinnyJob
	n0, n1 := Split(j.N, task, j.chunks), Split(j.N, task+1, j.chunks)
	if !j.TransB {
		n0, n1 = task*j.chunk(), min((task+1)*j.chunk(), j.N)
	}
	for m := range j.M {
		c, columns := j.c[m*j.LdC:][n0:n1], n1-n0
		if !j.TransB {
			copy(c, j.sumsOf(0, n0, n1)[m*columns:])
			for part := 1; part < j.parts; part++ {
				p.Passes.Binary[kernel.Add](c, j.sumsOf(part, n0, n1)[m*columns:][:columns], c)
			}
		}
		p.Activate(j.Act, float32(j.Slope), c)
	}
}

// skinnyDots computes dot products with rows n0 to n1 of a B that is stored transposed, a multiple of four.
func (p *Engine) skinnyDots(w *Worker, j *skinnyJob, n0, n1 int) {
	dots := &w.four[0]
	for n := n0; n < n1; n += 4 {
		for m := range j.M {
			x := j.a[m*j.LdA:][:j.K]
			if j.rounded != nil {
				p.dotsRounded(j, n, x, dots, &w.four[1])
			} else {
				p.Passes.DotRows(x, j.b[n*j.LdB:], j.LdB, dots)
			}
			for r, v := range dots {
				j.finish(m, n+r, v)
			}
		}
	}
}

// skinnyRest computes dot products with the rows from n0 on, fewer than four.
func (p *Engine) skinnyRest(j *skinnyJob, n0 int) {
	for n := n0; n < j.N; n++ {
		for m := range j.M {
			j.finish(m, n, float32(p.Passes.Dot(j.a[m*j.LdA:][:j.K], j.b[n*j.LdB:][:j.K])))
		}
	}
}

// finish writes a dot product to C.
func (j *skinnyJob) finish(m, n int, v float32) {
	if j.bias != nil {
		v += j.bias[n]
	}
	if j.Accumulate {
		v += j.c[m*j.LdC+n]
	}
	j.c[m*j.LdC+n] = v
}
