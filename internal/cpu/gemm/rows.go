package gemm

// RowsJob is a product with the depth along the rows of A, Batch times:
//
//	C[m][n] = act(Σ over taps t and depth k of A[m shifted by t][k] · B[t][k][n] + bias[n])
type RowsJob struct {
	Batch                         int
	AStep, BStep, CStep, BiasStep int // bytes from one product of the batch to the next

	M, N, Depth int
	Taps        []Tap  // Weight is the offset of the tap's rows in B
	A, C        Grid   // rows of A and C
	*Padding           // of A's images, one for each product of the batch, or nil
	B           Matrix // of the first tap
	Constant    uint64 // not 0: name of a B whose panels are kept, see keepPanels and shareRowsOf
	Epilogue

	kept    []float32 // B in panels, or nil
	sharing sharing   // B in bfloat16, if it has regions

	Paired         bool // in bfloat16
	most           int  // largest number of terms in a block
	Blocks         int  // of the depth, summed one after the other
	mTasks, nTasks int
	firstTask      int
}

const (
	// DepthBlock is the largest depth that is summed in registers at a time: four panels of it fit the level-2 cache.
	DepthBlock = 1152
	// rawRows is the number of rows up to which packing B costs more than it saves.
	rawRows = 64
	// smallJob is the number of multiply-adds below which another thread isn't worth waking.
	smallJob = 128 << 10
)

// divided reports whether a job of that many multiply-adds is worth dividing among threads.
func (p *Engine) divided(work int) bool { return work > smallJob && p.Pool.Threads() > 1 }

// AddRows appends a job to those that StartRows runs.
func (p *Engine) AddRows(j RowsJob) {
	if j.Batch*j.M*j.N == 0 {
		return
	}
	if j.Depth == 0 {
		j.Taps = nil
	}
	j.Blocks = 1
	total := j.Depth * len(j.Taps)
	if j.Paired = p.Paired(j.M, j.N, total); j.Paired {
		p.NeedBlank(j.N)
	}
	j.most = p.mostTerms(DepthBlock, j.Paired)
	if total > 0 && j.Depth > j.most {
		j.Blocks = len(j.Taps) * Ceil(j.Depth, j.most)
	} else if total > j.most {
		j.Blocks = Ceil(len(j.Taps), j.most/j.Depth)
	}
	panels := Ceil(j.N, p.Width())
	most := p.mostPanels(Ceil(total, j.Blocks), j.Paired) // panels that a task may hold
	j.nTasks, j.mTasks = Ceil(panels, most), 1
	divided := p.divided(j.Batch * j.M * j.N * max(total, 16))
	if j.Paired {
		j.sharing = p.shareRowsOf(&j, divided)
	}
	if divided {
		c := cutting{batch: j.Batch, units: Ceil(j.M, p.unit(&j)), panels: panels, minN: j.nTasks, perPanel: packCost, perUnits: gatherCost}
		c.maxM = max(j.M/(8*p.Tallest(j.Paired)), c.units/2, 1)
		if j.Constant != 0 && !j.Paired {
			c.perPanel = 0 // packed once for all products, see keepPanels
		}
		if j.sharing.regions > 0 {
			c.maxM, c.perPanel, c.perUnits = c.units, 0, roundCost
		}
		j.mTasks, j.nTasks = p.cut(c)
	}
	if n := len(p.rows); n > 0 {
		j.firstTask = p.rows[n-1].firstTask + p.rows[n-1].tasks()
	}
	p.rows = append(p.rows, j)
}

// tasks is the number of tasks of j.
func (j *RowsJob) tasks() int { return j.Batch * j.mTasks * j.nTasks }

// StartRows runs the jobs that were added.
func (p *Engine) StartRows() {
	for i := range p.rows {
		p.keepPanels(&p.rows[i])
	}
	p.shareRows()
	if n := len(p.rows); n > 0 {
		p.Pool.Run(p.rows[n-1].firstTask+p.rows[n-1].tasks(), p.runRows)
	}
}

// sums is a part of the terms of a RowsJob: depth from to to of taps first to end.
type sums struct{ first, end, from, to int }

// block returns the terms of block i.
func (j *RowsJob) block(i int) sums {
	if n := len(j.Taps); j.Blocks == 1 || j.Depth <= j.most {
		return sums{Split(n, i, j.Blocks), Split(n, i+1, j.Blocks), 0, j.Depth}
	}
	parts := j.Blocks / len(j.Taps)
	t := i / parts
	return sums{t, t + 1, Split(j.Depth, i%parts, parts), Split(j.Depth, i%parts+1, parts)}
}

// rowsTask computes a rectangle of one product.
func (p *Engine) rowsTask(task, worker int) {
	i := len(p.rows) - 1
	for p.rows[i].firstTask > task {
		i--
	}
	j := p.rows[i]
	task -= j.firstTask
	batch := task / (j.mTasks * j.nTasks)
	j.A.Base += uintptr(batch * j.AStep)
	j.B.Base += uintptr(batch * j.BStep)
	j.C.Base += uintptr(batch * j.CStep)
	if j.Bias != 0 {
		j.Bias += uintptr(batch * j.BiasStep)
	}
	if j.Padding != nil {
		j.A.Base = p.Workers[worker].padded(j.Padding, batch)
	}
	m0, m1, n0, n1 := p.rectangle(&j, task)
	for block := range j.Blocks {
		p.rowsBlock(p.Workers[worker], &j, block, m0, m1, n0, n1)
	}
}

// unit is the number of rows that belong to one task.
func (p *Engine) unit(j *RowsJob) int {
	if j.A.images > 0 {
		return j.A.images
	}
	return p.Tallest(j.Paired)
}

// rectangle returns the rows and columns of C that a task of j computes.
func (p *Engine) rectangle(j *RowsJob, task int) (m0, m1, n0, n1 int) {
	mTask, nTask, unit := task%j.mTasks, task/j.mTasks%j.nTasks, p.unit(j)
	units, panels := Ceil(j.M, unit), Ceil(j.N, p.Width())
	m0, m1 = Split(units, mTask, j.mTasks)*unit, min(j.M, Split(units, mTask+1, j.mTasks)*unit)
	n0, n1 = Split(panels, nTask, j.nTasks)*p.Width(), min(j.N, Split(panels, nTask+1, j.nTasks)*p.Width())
	return m0, m1, n0, n1
}

// rowsBlock adds a block of the depth to rows m0 to m1 and columns n0 to n1 of C.
func (p *Engine) rowsBlock(w *Worker, j *RowsJob, block, m0, m1, n0, n1 int) {
	s := j.block(block)
	if j.kept != nil {
		p.RowsTiles(w, j, p.keptPanels(j, s, n0, n1), block, m0, m1)
		return
	}
	if j.sharing.regions > 0 {
		p.RowsTiles(w, j, p.sharedRows(j, block, n0, n1), block, m0, m1)
		return
	}
	p.RowsTiles(w, j, p.Panels(w, j.B, j.Taps[s.first:s.end], s.from, s.to, n0, n1, m1-m0 <= rawRows, j.Paired), block, m0, m1)
}

// RowsTiles adds a block of the depth to rows m0 to m1 of C, with B in panels.
func (p *Engine) RowsTiles(w *Worker, j *RowsJob, b panels, block, m0, m1 int) {
	s, group := j.block(block), j.group(m0, m1)
	tiles := Ceil(group, p.Tallest(j.Paired))
	for ; m0 < m1; m0 += group {
		for tile := range tiles {
			r0, r1 := m0+p.Edge(group, tile, tiles, j.Paired), m0+p.Edge(group, tile+1, tiles, j.Paired)
			rows := w.Rows[:r1-r0]
			j.C.addresses(rows, j.C.point(r0), Tap{})
			at := j.A.point(r0)
			if j.A.images == 0 {
				p.rowsTile(w, j, b, at, rows, s, 0, block == 0, block == j.Blocks-1)
				continue
			}
			for tap := s.first; tap < s.end; {
				from, to, begins, finishes := j.nextRun(at, tap, s.end)
				if tap = to; from < to {
					begins, finishes = begins && s.from == 0, finishes && s.to == j.Depth
					p.rowsTile(w, j, b, at, rows, sums{from, to, s.from, s.to}, from-s.first, begins, finishes)
				}
			}
		}
	}
}

// rowsTile adds the terms s to rows of C, for the rows of A from the point at on. The panels begin skip taps before the first of s.
// first and last say that these terms are the rows' first and last.
func (p *Engine) rowsTile(w *Worker, j *RowsJob, b panels, at point, rows []uintptr, s sums, skip int, first, last bool) {
	t, taps, height := &w.Tile, j.Taps[s.first:s.end], len(rows)
	t.Taps, t.K = len(taps), s.to-s.from
	if j.Paired {
		t.K = p.BF16.PairsOf(t.K)
	}
	j.prepare(t, first, last)
	table := w.Addresses(len(taps) * height)
	for i, tap := range taps {
		j.A.addresses(table[i*height:][:height], at, tap)
	}
	if s.from > 0 {
		for i := range table {
			table[i] += uintptr(4 * s.from)
		}
	}
	t.A, t.C = &w.Table[0], &rows[0]
	if j.Paired {
		p.RoundTile(w, t, table, s.to-s.from)
	}
	for n := b.n0; n < b.n1; n += t.Panels * p.Width() {
		vectors := b.place(t, n)
		t.B += uintptr(skip * t.K * t.BStride)
		t.Bias = 0
		if last && j.Bias != 0 {
			t.Bias = j.Bias + uintptr(4*n)
		}
		if j.Paired {
			p.BF16.MultiplyRows(w, t, vectors, height)
		} else {
			p.Rows[vectors-1][height](t)
		}
	}
	if last {
		p.finish(&j.Epilogue, rows, b.n0, b.n1)
	}
}
