package gemm

import "iter"

// cutting is a job to be cut into tasks: units of rows by panels of columns, batch times.
type cutting struct {
	threads, batch     int
	units, panels      int
	maxM, minN         int // bounds: at most maxM parts of the units; at least minN of the panels, so that those of a task fit its cache
	perPanel, perUnits int // what a task does once: for its panels, in units of rows; and for its units, in panels
}

// The costs of a task, beside its multiplications. They were measured as the rates of products cut in several ways, on AVX-512.
const (
	packCost   = 2 // packing a panel of B takes as long as multiplying it by two units of rows
	gatherCost = 1 // fetching the rows of A, or copying its columns, takes as long as multiplying them by a panel
	roundCost  = 3 // with bfloat16, they are rounded
)

// mostTasks is the number of tasks for each thread that is enough to end at about the same time.
const mostTasks = 4

// cut returns the numbers of parts, m of the units and n of the panels, that minimize the time of a job whose threads take the next
// task when they are free. It takes a cut that is even, if there is one. Within 5 % of the minimum it prefers more parts, up to mostTasks a
// thread: then threads end closer together, also where one of them is slower.
func (c cutting) cut() (m, n int) {
	for _, even := range []bool{true, false} {
		best := 0
		for parts, time := range c.all() {
			if (best == 0 || time < best) && (!even || c.even(parts)) {
				best, m, n = time, parts[0], parts[1]
			}
		}
		for parts, time := range c.all() {
			tasks := parts[0] * parts[1]
			if 20*time <= 21*best && tasks > m*n && c.batch*tasks <= mostTasks*c.threads && (!even || c.even(parts)) {
				m, n = parts[0], parts[1]
			}
		}
		if best > 0 {
			break
		}
	}
	return m, n
}

// even reports whether the threads are idle for at most a fifteenth of their time, with each task counted as long as the longest.
func (c cutting) even(parts [2]int) bool {
	rounds := Ceil(c.batch*parts[0]*parts[1], c.threads)
	longest := Ceil(c.units, parts[0]) * Ceil(c.panels, parts[1])
	return 15*c.batch*c.units*c.panels >= 14*c.threads*rounds*longest
}

// mostCuts is the number of cuts that an engine remembers.
const mostCuts = 4096

// cut is cutting.cut, remembered: a training has few shapes, and finding a cut takes as long as a small product.
func (p *Engine) cut(c cutting) (m, n int) {
	c.threads = p.Pool.Threads()
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

// all returns each m and n and the time that they take.
func (c cutting) all() iter.Seq2[[2]int, int] {
	return func(yield func([2]int, int) bool) {
		for columns := c.panels; columns > 0; columns = next(c.panels, columns) {
			for rows := c.units; rows > 0; rows = next(c.units, rows) {
				m, n := Ceil(c.units, rows), Ceil(c.panels, columns)
				if n < c.minN || m > c.maxM {
					continue
				}
				if !yield([2]int{m, n}, Ceil(c.batch*m*n, c.threads)*(columns+c.perUnits)*(rows+c.perPanel)) {
					return
				}
			}
		}
	}
}

// next returns the next smaller size of a part of the total that gives another number of parts; 0 after 1.
func next(total, size int) int { return min(size-1, Ceil(total, Ceil(total, size)+1)) }
