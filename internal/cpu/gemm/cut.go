package gemm

import "iter"

// fewThreads is the number of threads up to which jobs are cut into about four tasks a thread. With more threads the last round of
// tasks would leave a good part of them idle, so the cut is chosen by when its last task ends.
const fewThreads = 2

// cutting is a job to be cut into tasks: units of rows by panels of columns, batch times.
type cutting struct {
	threads, batch int
	units, panels  int
	maxM, minN     int // bounds: at most maxM parts of the units; at least minN of the panels, so that those of a task fit its cache
}

// cut returns the numbers of parts, m of the units and n of the panels, that minimize the time of a job whose threads take the next
// task when they are free. Within 5 % of the minimum it prefers more parts: then threads end closer together.
func (c cutting) cut() (m, n int) {
	best := 0
	for _, time := range c.all() {
		if best == 0 || time < best {
			best = time
		}
	}
	for parts, time := range c.all() {
		if 20*time <= 21*best && parts[0]*parts[1] > m*n {
			m, n = parts[0], parts[1]
		}
	}
	return m, n
}

// mostCuts is the number of cuts that an engine remembers.
const mostCuts = 4096

// cut is cutting.cut, remembered: a training has few shapes, and finding a cut takes as long as a small product.
func (p *Engine) cut(c cutting) (m, n int) {
	parts, ok := p.cuts[c]
	if !ok {
		if p.cuts == nil || len(p.cuts) >= mostCuts {
			p.cuts = map[cutting][2]int{}
		}
		parts[0], parts[1] = c.cut()
		p.cuts[c] = parts
	}
	return parts[0], parts[1]
}

// all returns each m and n and the time that they take. A task takes as long as its area and one unit of rows more, for packing.
func (c cutting) all() iter.Seq2[[2]int, int] {
	return func(yield func([2]int, int) bool) {
		for columns := c.panels; columns > 0; columns = next(c.panels, columns) {
			for rows := c.units; rows > 0; rows = next(c.units, rows) {
				m, n := Ceil(c.units, rows), Ceil(c.panels, columns)
				if n < c.minN || m > c.maxM {
					continue
				}
				if !yield([2]int{m, n}, Ceil(c.batch*m*n, c.threads)*columns*(rows+1)) {
					return
				}
			}
		}
	}
}

// next returns the next smaller size of a part of the total that gives another number of parts; 0 after 1.
func next(total, size int) int { return min(size-1, Ceil(total, Ceil(total, size)+1)) }
