package cpu

// rowsJob is C[m][n] = act(Σ over taps t and depth k of A[m shifted by t][k] · B[t][k][n] + bias[n]), batch times.
type rowsJob struct {
	batch                         int
	aStep, bStep, cStep, biasStep int // bytes from one product of the batch to the next

	m, n, depth int
	taps        []tap  // weight is the offset of the tap's rows in B
	a, c        grid   // rows of A and C
	*padding           // a's images, where they must be padded first: one a product; otherwise nil
	b           matrix // of the first tap
	constant    uint64 // not 0: names B, which is the same for all jobs that do; see keepPanels
	epilogue

	kept []float32 // B in panels, or nil

	paired         bool // in bfloat16
	most           int  // terms that a block sums
	blocks         int  // parts of the depth
	mTasks, nTasks int
	firstTask      int
}

const (
	// depthBlock bounds the depth summed in registers at a time: so many rows of four panels fit the level-2 cache.
	depthBlock = 1152
	// rawRows is the number of rows up to which packing B costs more than it saves.
	rawRows = 64
	// smallJob is the number of multiply-adds below which another thread isn't worth waking.
	smallJob = 128 << 10
)

// addRows appends a job to those that startRows runs.
func (p *products) addRows(j rowsJob) {
	if j.batch*j.m*j.n == 0 {
		return
	}
	if j.depth == 0 {
		j.taps = nil
	}
	j.blocks = 1
	total := j.depth * len(j.taps)
	if j.paired = p.paired(j.m, j.n, total); j.paired {
		p.needBlank(j.n)
	}
	j.most = p.mostTerms(depthBlock, j.paired)
	if j.depth > j.most {
		j.blocks = len(j.taps) * ceil(j.depth, j.most)
	} else if total > j.most {
		j.blocks = ceil(len(j.taps), j.most/j.depth)
	}
	panels := ceil(j.n, p.width())
	most := p.mostPanels(ceil(total, j.blocks), j.paired) // panels that a task may hold
	j.nTasks, j.mTasks = ceil(panels, most), 1
	if want := 4 * p.pool.Threads(); p.pool.Threads() > 1 && j.batch*j.m*j.n*max(total, 16) > smallJob {
		j.mTasks = max(1, min(ceil(want, j.batch*j.nTasks), j.m/(8*p.height(j.paired))))
		if j.a.images > 0 {
			j.mTasks = min(j.mTasks, j.m/j.a.images)
		}
		if tasks := j.batch * j.mTasks * j.nTasks; tasks < want {
			j.nTasks = min(panels, j.nTasks*ceil(want, tasks))
		}
	}
	if n := len(p.rows); n > 0 {
		j.firstTask = p.rows[n-1].firstTask + p.rows[n-1].tasks()
	}
	p.rows = append(p.rows, j)
}

func (j *rowsJob) tasks() int { return j.batch * j.mTasks * j.nTasks }

// startRows runs the jobs that were added.
func (p *products) startRows() {
	for i := range p.rows {
		p.keepPanels(&p.rows[i])
	}
	if n := len(p.rows); n > 0 {
		p.pool.Run(p.rows[n-1].firstTask+p.rows[n-1].tasks(), p.runRows)
	}
}

// sums is a part of a rowsJob's sums: taps first to end, and of their depth from to to.
type sums struct{ first, end, from, to int }

// block returns what block i sums.
func (j *rowsJob) block(i int) sums {
	if n := len(j.taps); j.blocks == 1 || j.depth <= j.most {
		return sums{split(n, i, j.blocks), split(n, i+1, j.blocks), 0, j.depth}
	}
	parts := j.blocks / len(j.taps)
	t := i / parts
	return sums{t, t + 1, split(j.depth, i%parts, parts), split(j.depth, i%parts+1, parts)}
}

// rowsTask computes a rectangle of one product.
func (p *products) rowsTask(task, worker int) {
	i := len(p.rows) - 1
	for p.rows[i].firstTask > task {
		i--
	}
	j := p.rows[i]
	task -= j.firstTask
	batch := task / (j.mTasks * j.nTasks)
	j.a.base += uintptr(batch * j.aStep)
	j.b.base += uintptr(batch * j.bStep)
	j.c.base += uintptr(batch * j.cStep)
	if j.bias != 0 {
		j.bias += uintptr(batch * j.biasStep)
	}
	if j.padding != nil {
		j.a.base = p.workers[worker].padded(j.padding, batch)
	}
	mTask, nTask := task%j.mTasks, task/j.mTasks%j.nTasks
	unit := p.height(j.paired) // of rows, which tasks don't divide
	if j.a.images > 0 {
		unit = j.a.images
	}
	units, panels := ceil(j.m, unit), ceil(j.n, p.width())
	m0, m1 := split(units, mTask, j.mTasks)*unit, min(j.m, split(units, mTask+1, j.mTasks)*unit)
	n0, n1 := split(panels, nTask, j.nTasks)*p.width(), min(j.n, split(panels, nTask+1, j.nTasks)*p.width())
	for block := range j.blocks {
		p.rowsBlock(p.workers[worker], &j, block, m0, m1, n0, n1)
	}
}

// rowsBlock adds a part of the depth to the rectangle m0 ≤ m < m1, n0 ≤ n < n1 of C.
func (p *products) rowsBlock(w *productWorker, j *rowsJob, block, m0, m1, n0, n1 int) {
	s := j.block(block)
	if j.kept != nil {
		p.rowsTiles(w, j, p.keptPanels(j, s, n0, n1), block, m0, m1)
		return
	}
	p.rowsTiles(w, j, p.panels(w, j.b, j.taps[s.first:s.end], s.from, s.to, n0, n1, m1-m0 <= rawRows, j.paired), block, m0, m1)
}

// rowsTiles is rowsBlock with its panels of B.
func (p *products) rowsTiles(w *productWorker, j *rowsJob, b panels, block, m0, m1 int) {
	s, group := j.block(block), j.group(m0, m1)
	tiles := ceil(group, p.height(j.paired))
	for ; m0 < m1; m0 += group {
		for tile := range tiles {
			r0, r1 := m0+p.edge(group, tile, tiles, j.paired), m0+p.edge(group, tile+1, tiles, j.paired)
			rows := w.rows[:r1-r0]
			j.c.addresses(rows, j.c.point(r0), tap{})
			at := j.a.point(r0)
			if j.a.images == 0 {
				p.rowsTile(w, j, b, at, rows, s, 0, block == 0, block == j.blocks-1)
				continue
			}
			for tap := s.first; tap < s.end; {
				from, to, begins, finishes := j.stretch(at, tap, s.end)
				if tap = to; from < to {
					begins, finishes = begins && s.from == 0, finishes && s.to == j.depth
					p.rowsTile(w, j, b, at, rows, sums{from, to, s.from, s.to}, from-s.first, begins, finishes)
				}
			}
		}
	}
}

// rowsTile adds s to rows of C, for the rows of A from the point at on. skip is the number of taps that the panels have
// before the first of s; first and last say whether these sums are the rows' first and last.
func (p *products) rowsTile(w *productWorker, j *rowsJob, b panels, at point, rows []uintptr, s sums, skip int, first, last bool) {
	t, taps, height := &w.tile, j.taps[s.first:s.end], len(rows)
	t.Taps, t.K = len(taps), s.to-s.from
	if j.paired {
		t.K = p.bf16.pairsOf(t.K)
	}
	j.prepare(t, first, last)
	table := w.addresses(len(taps) * height)
	for i, tap := range taps {
		j.a.addresses(table[i*height:][:height], at, tap)
	}
	if s.from > 0 {
		for i := range table {
			table[i] += uintptr(4 * s.from)
		}
	}
	t.A, t.C = &w.table[0], &rows[0]
	if j.paired {
		p.roundTile(w, t, table, s.to-s.from)
	}
	for n := b.n0; n < b.n1; n += p.width() {
		vectors := b.place(t, n)
		t.B += uintptr(skip * t.K * t.BStride)
		t.Bias = 0
		if last && j.bias != 0 {
			t.Bias = j.bias + uintptr(4*n)
		}
		if j.paired {
			p.bf16.multiplyRows(w, t, vectors, height)
		} else {
			p.Rows[vectors-1][height](t)
		}
	}
	if last {
		p.finish(&j.epilogue, rows, b.n0, b.n1)
	}
}
