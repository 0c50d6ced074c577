package gemm

import "github.com/bestiary-ml/bestiary/internal/kernel"

// skinnyJob is a skinny product: one with at most SkinnyRows rows, as in decoding one token at a time. Its time is that of reading
// B, so B is read once, in the order of memory, and not packed. The rows of C stay in the level-1 cache. A task takes some of B's
// stored rows. If B is not transposed, this splits the depth (split-K), and each task but the first writes partial sums to parts.
type skinnyJob struct {
	kernel.Gemm
	a, b, bias, c []float32
	tasks         int
	parts         []float32 // [tasks−1, M, N]
}

const (
	// SkinnyRows is the largest number of rows of a skinny product: reading B takes longer than computing.
	SkinnyRows = 4
	// SkinnyColumns is the least number of columns of a skinny product.
	SkinnyColumns = 128
	// skinnyTasks is the number of parts of a large B. It is fixed, so that the order of the sums is.
	skinnyTasks = 4
)

// multiplySkinny computes a skinny product; it returns false if g is not one.
func (p *Engine) multiplySkinny(g kernel.Gemm, a, b, bias, c []float32) bool {
	if p.Uniform || g.M > SkinnyRows || g.Batch > 1 || g.TransA || g.K < 8 || g.N < SkinnyColumns {
		return false
	}
	p.mu.Lock()
	j := skinnyJob{Gemm: g, a: a, b: b, bias: bias, c: c, tasks: 1}
	if g.N*g.K > smallJob/4 {
		j.tasks = skinnyTasks
	}
	if !g.TransB {
		j.parts = p.partialSums((j.tasks - 1) * g.M * g.N)
	}
	p.skinnyJob = j
	p.Pool.Run(j.tasks, p.runSkinny)
	for m := range g.M {
		c := c[m*g.LdC:][:g.N]
		for part := 1; part < j.tasks && !g.TransB; part++ {
			p.Passes.Binary[kernel.Add](c, j.parts[((part-1)*g.M+m)*g.N:][:g.N], c)
		}
		p.Activate(g.Act, float32(g.Slope), c)
	}
	p.skinnyJob = skinnyJob{}
	p.mu.Unlock()
	return true
}

// skinnyTask multiplies with a part of B.
func (p *Engine) skinnyTask(task, _ int) {
	j := &p.skinnyJob
	stored := j.K
	if j.TransB {
		stored = j.N
	}
	from, to := Split(stored/4, task, j.tasks)*4, Split(stored/4, task+1, j.tasks)*4
	if task == j.tasks-1 {
		to = stored
	}
	if j.TransB {
		p.skinnyDots(j, from, to)
	} else {
		p.skinnySums(j, task, from, to)
	}
}

// skinnySums adds rows k0 to k1 of B, each times its column of A.
func (p *Engine) skinnySums(j *skinnyJob, task, k0, k1 int) {
	rows, ld := j.c, j.LdC
	if task > 0 {
		rows, ld = j.parts[(task-1)*j.M*j.N:], j.N
	}
	for m := range j.M {
		c := rows[m*ld:][:j.N]
		if task > 0 || !j.Accumulate && j.bias == nil {
			clear(c)
		} else if j.bias != nil {
			copy(c, j.bias)
		}
	}
	k := k0
	for ; k+4 <= k1; k += 4 {
		for m := range j.M {
			p.Passes.AddRows((*[4]float32)(j.a[m*j.LdA+k:]), j.b[k*j.LdB:], j.LdB, rows[m*ld:][:j.N])
		}
	}
	for ; k < k1; k++ {
		for m := range j.M {
			p.Passes.AddScaled(j.a[m*j.LdA+k], j.b[k*j.LdB:][:j.N], rows[m*ld:][:j.N])
		}
	}
}

// skinnyDots computes dot products with rows n0 to n1 of a B that is stored transposed.
func (p *Engine) skinnyDots(j *skinnyJob, n0, n1 int) {
	var dots [4]float32
	for n := n0; n < n1; n += 4 {
		for m := range j.M {
			x := j.a[m*j.LdA:][:j.K]
			if n+4 <= n1 {
				p.Passes.DotRows(x, j.b[n*j.LdB:], j.LdB, &dots)
			} else {
				for r := n; r < n1; r++ {
					dots[r-n] = float32(p.Passes.Dot(x, j.b[r*j.LdB:][:j.K]))
				}
			}
			for r := n; r < min(n+4, n1); r++ {
				v := dots[r-n]
				if j.bias != nil {
					v += j.bias[r]
				}
				if j.Accumulate {
					v += j.c[m*j.LdC+r]
				}
				j.c[m*j.LdC+r] = v
			}
		}
	}
}
