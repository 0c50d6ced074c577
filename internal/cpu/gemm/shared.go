package gemm

// In bfloat16, the tasks of a product share B: it is packed once, in parallel, before they start. Otherwise each task down the rows
// would round all the panels that it uses, which takes as long as multiplying them by some hundred rows of A. A constant B is packed
// once for all products. Its panels take half as much memory as in float32, and as much where numbers are split.

// mostShared is the largest number of elements of a shared B: 64 MB.
const mostShared = 16 << 20

// sharing is B in panels, in regions one after the other. A region is what is summed in registers at a time: a block of the depth.
type sharing struct {
	regions, size int // number of regions, and elements of each
	groups        int // tasks that pack a region, each some panels
	firstTask     int
	room          []float32
	packed        bool // by an earlier product
}

// share decides whether the tasks of a product share B, and what they need.
func (p *Engine) share(n, regions, pairs, batch int) (s sharing, ok bool) {
	panels := Ceil(n, p.Width())
	s = sharing{regions: regions, size: p.BF16.Parts() * pairs * panels * p.Width()}
	s.groups = min(panels, Ceil(4*p.Pool.Threads(), regions))
	return s, batch == 1 && p.Pool.Threads() > 1 && s.regions*s.size <= mostShared
}

// panels returns columns n0 to n1 of a region of a B of n columns, whose depth is pairs.
func (s *sharing) panels(p *Engine, region, pairs, n, n0, n1 int) panels {
	whole := pairs * Ceil(n, p.Width()) * p.Width() // elements of a part
	return panels{
		Engine: p, depth: pairs, n0: n0, n1: n1, paired: true, low: 4 * whole, packed: s.room[region*s.size+n0*pairs:],
	}
}

// columns returns the columns that a task packs.
func (s *sharing) columns(p *Engine, n, group int) (n0, n1 int) {
	panels := Ceil(n, p.Width())
	return Split(panels, group, s.groups) * p.Width(), min(n, Split(panels, group+1, s.groups)*p.Width())
}

// packs reports whether B is still to be packed.
func (s *sharing) packs() bool { return s.regions > 0 && !s.packed }

// shareRowsOf decides whether the tasks of a job in bfloat16, which aren't chosen yet, share B. They share a constant B, in the room
// where it is kept, unless the cache of constants is full. Otherwise few rows are left to one task.
func (p *Engine) shareRowsOf(j *RowsJob, divided bool) sharing {
	depth, taps := j.Depth, Ceil(len(j.Taps), j.Blocks) // of a block
	if j.Depth > j.most {
		depth, taps = Ceil(j.Depth, j.Blocks/len(j.Taps)), 1
	}
	s, ok := p.share(j.N, j.Blocks, taps*p.BF16.PairsOf(depth), j.Batch)
	if j.Constant != 0 && j.Batch == 1 {
		if s.room, s.packed = p.Constants.Room(j.name(), s.regions*s.size); s.room != nil {
			return s
		}
	}
	if !ok || !divided || j.M < 2*p.Tallest(true) {
		return sharing{}
	}
	return s
}

// shareRows packs B of the jobs that share it, unless it is packed already.
func (p *Engine) shareRows() {
	tasks, size := 0, 0
	for i := range p.rows {
		if s := &p.rows[i].sharing; s.packs() {
			s.firstTask = tasks
			if tasks += s.regions * s.groups; s.room == nil {
				size += s.regions * s.size
			}
		}
	}
	if tasks == 0 {
		return
	}
	room := Aligned(&p.shared, size)
	for i := range p.rows {
		if s := &p.rows[i].sharing; s.room == nil {
			s.room, room = room[:s.regions*s.size], room[s.regions*s.size:]
		}
	}
	p.Pool.Run(tasks, p.runShareRows)
}

// shareRowsTask packs some panels of a block of a job's depth.
func (p *Engine) shareRowsTask(task, worker int) {
	i := len(p.rows) - 1
	for !p.rows[i].sharing.packs() || p.rows[i].sharing.firstTask > task {
		i--
	}
	j := &p.rows[i]
	task -= j.sharing.firstTask
	region := task / j.sharing.groups
	s := j.block(region)
	n0, n1 := j.sharing.columns(p, j.N, task%j.sharing.groups)
	q := p.sharedRows(j, region, n0, n1)
	p.pairPanels(p.Workers[worker], &q, j.B, j.Taps[s.first:s.end], s.from, s.to)
}

// sharedRows returns columns n0 to n1 of the shared B of a block of the depth.
func (p *Engine) sharedRows(j *RowsJob, block, n0, n1 int) panels {
	s := j.block(block)
	return j.sharing.panels(p, block, (s.end-s.first)*p.BF16.PairsOf(s.to-s.from), j.N, n0, n1)
}

// shareColumns packs B of p.columns.
func (p *Engine) shareColumns() {
	s := &p.columns.sharing
	if s.regions == 0 {
		return
	}
	s.room = Aligned(&p.shared, s.regions*s.size)
	p.Pool.Run(s.regions*s.groups, p.runShareColumns)
}

// shareColumnsTask packs some panels of a block of the depth.
func (p *Engine) shareColumnsTask(task, worker int) {
	j := &p.columns
	region, group := task/j.sharing.groups, task%j.sharing.groups
	part, i := region/j.blocks, region%j.blocks
	from, to := 0, j.Depth
	b := j.B
	if j.Images > 0 {
		b.Base += uintptr(part * j.Depth * b.Stride)
	} else {
		from, to = Split(j.Depth, part, j.parts), Split(j.Depth, part+1, j.parts)
	}
	k0, k1 := from+Split(to-from, i, j.blocks), from+Split(to-from, i+1, j.blocks)
	n0, n1 := j.sharing.columns(p, j.N, group)
	q := j.sharing.panels(p, region, p.BF16.PairsOf(k1-k0), j.N, n0, n1)
	p.pairPanels(p.Workers[worker], &q, b, WholeDepth, k0, k1)
}
