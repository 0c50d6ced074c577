package gemm

import "github.com/bestiary-ml/bestiary/internal/kernel"

// skinnyJob is a skinny product: one of few rows, as in decoding one token at a time. Its time is that of reading B, so B is read once,
// in the order of memory, and not packed. A chunk of the rows of C stays in the level-1 cache meanwhile, and two of them share what
// is read of B. If B is not transposed, tasks split the columns into chunks and the depth into parts (split-K); each part but the
// first has partial sums of its own. Otherwise they split the rows of B as it is stored.
type skinnyJob struct {
	kernel.Gemm
	a, b, bias, c []float32
	rounded       []float32 // B in bfloat16, see roundedWeights; or nil
	parts, chunks int       // of the depth and of the columns; if B is transposed, chunks are parts of its rows
	sums          []float32 // [parts−1, M, N]
}

const (
	// SkinnyRows is the largest number of rows of a skinny product: reading B takes longer than computing.
	SkinnyRows = 4
	// SkinnyConstantRows is SkinnyRows where B is constant, as when several sequences are decoded together: it comes from memory.
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
		j.sums = p.partialSums((j.parts - 1) * g.M * g.N)
	}
	if !g.TransB {
		j.chunks = Ceil(g.N, j.chunk())
	}
	p.skinnyJob = j
	if tasks := j.parts * j.chunks; large {
		p.Pool.Run(tasks, p.runSkinny)
	} else {
		for task := range tasks {
			p.skinnyTask(task, 0)
		}
	}
	for m := range g.M {
		c := c[m*g.LdC:][:g.N]
		for part := 1; part < j.parts; part++ {
			p.Passes.Binary[kernel.Add](c, j.sums[((part-1)*g.M+m)*g.N:][:g.N], c)
		}
		p.Activate(g.Act, float32(g.Slope), c)
	}
	p.skinnyJob = skinnyJob{}
	p.mu.Unlock()
	return true
}

// chunk is the number of columns of a chunk of a B that isn't transposed. In bfloat16 it is that of the copy.
func (j *skinnyJob) chunk() int {
	if j.rounded != nil {
		return leastChunk
	}
	return max(leastChunk, chunkSums/j.M)
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

// skinnySums adds columns n0 to n1 of rows k0 to k1 of B, each times its column of A.
func (p *Engine) skinnySums(w *Worker, j *skinnyJob, part, k0, k1, n0, n1 int) {
	rows, ld := j.c, j.LdC
	if part > 0 {
		rows, ld = j.sums[(part-1)*j.M*j.N:], j.N
	}
	for m := range j.M {
		c := rows[m*ld:][n0:n1]
		if part > 0 || !j.Accumulate && j.bias == nil {
			clear(c)
		} else if j.bias != nil {
			copy(c, j.bias[n0:n1])
		}
	}
	if j.rounded != nil {
		n0 = p.skinnyRounded(w, j, rows, ld, k0, k1, n0, n1)
	}
	if n0 == n1 {
		return
	}
	k := k0
	for ; k+4 <= k1; k += 4 {
		b, m := j.b[k*j.LdB+n0:], 0
		for ; m+2 <= j.M; m += 2 {
			a, c := j.a[m*j.LdA+k:], rows[m*ld:]
			p.Passes.AddRowsTo2((*[4]float32)(a), (*[4]float32)(a[j.LdA:]), b, j.LdB, c[n0:n1], c[ld:][n0:n1])
		}
		if m < j.M {
			p.Passes.AddRows((*[4]float32)(j.a[m*j.LdA+k:]), b, j.LdB, rows[m*ld:][n0:n1])
		}
	}
	for ; k < k1; k++ {
		for m := range j.M {
			p.Passes.AddScaled(j.a[m*j.LdA+k], j.b[k*j.LdB:][n0:n1], rows[m*ld:][n0:n1])
		}
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
