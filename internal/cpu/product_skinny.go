package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

// skinnyJob is a product with very few rows, as decoding a token at a time has them. It is bound by reading B, so B is
// read once, in the order of memory, and nothing is packed: C's rows stay in the level-1 cache meanwhile.
type skinnyJob struct {
	kernel.Gemm
	a, b, bias, c []float32
	tasks         int
}

const (
	// skinnyRows is the number of rows of C up to which reading B outweighs the arithmetic.
	skinnyRows = 4
	// skinnyColumns is the least number of columns of a task; smaller ones end before they have begun to stream.
	skinnyColumns = 128
)

// skinny computes a product with few rows; false if g is none.
func (p *products) skinny(g kernel.Gemm, a, b, bias, c []float32) bool {
	if g.M > skinnyRows || g.Batch > 1 || g.TransA || g.K < 8 || g.N < skinnyColumns {
		return false
	}
	p.mu.Lock()
	j := skinnyJob{Gemm: g, a: a, b: b, bias: bias, c: c, tasks: 1}
	if g.N*g.K > smallJob/4 {
		j.tasks = min(2*p.pool.Threads(), g.N/skinnyColumns)
	}
	p.few = j
	p.pool.Run(j.tasks, p.runSkinny)
	p.few = skinnyJob{}
	p.mu.Unlock()
	return true
}

// skinnyTask computes some columns of C.
func (p *products) skinnyTask(task, _ int) {
	j := &p.few
	n0, n1 := split(j.N/4, task, j.tasks)*4, split(j.N/4, task+1, j.tasks)*4
	if task == j.tasks-1 {
		n1 = j.N
	}
	if j.TransB {
		p.skinnyDots(j, n0, n1)
	} else {
		p.skinnySums(j, n0, n1)
	}
	for m := range j.M {
		p.activate(j.Act, float32(j.Slope), j.c[m*j.LdC+n0:m*j.LdC+n1])
	}
}

// skinnySums adds up rows of B.
func (p *products) skinnySums(j *skinnyJob, n0, n1 int) {
	for m := range j.M {
		c := j.c[m*j.LdC+n0 : m*j.LdC+n1]
		if j.bias != nil {
			copy(c, j.bias[n0:n1])
		} else if !j.Accumulate {
			clear(c)
		}
	}
	k := 0
	for ; k+4 <= j.K; k += 4 {
		for m := range j.M {
			p.passes.AddRows((*[4]float32)(j.a[m*j.LdA+k:]), j.b[k*j.LdB+n0:], j.LdB, j.c[m*j.LdC+n0:m*j.LdC+n1])
		}
	}
	for ; k < j.K; k++ {
		for m := range j.M {
			p.passes.AddScaled(j.a[m*j.LdA+k], j.b[k*j.LdB+n0:k*j.LdB+n1], j.c[m*j.LdC+n0:m*j.LdC+n1])
		}
	}
}

// skinnyDots multiplies with the rows of a B that is stored transposed.
func (p *products) skinnyDots(j *skinnyJob, n0, n1 int) {
	var dots [4]float32
	for n := n0; n < n1; n += 4 {
		for m := range j.M {
			x := j.a[m*j.LdA:][:j.K]
			if n+4 <= n1 {
				p.passes.DotRows(x, j.b[n*j.LdB:], j.LdB, &dots)
			} else {
				for r := n; r < n1; r++ {
					dots[r-n] = float32(p.passes.Dot(x, j.b[r*j.LdB:][:j.K]))
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
