package cpu

// constants are what is made of weights that don't change, those of models that only answer, and kept for the next time:
// transformed for Winograd's algorithm, or packed into panels.
type constants struct {
	kept map[constant][]float32
	size int // of all, in numbers
}

// constant names what a way of computing makes of weights.
type constant struct {
	weights uint64
	filtering
	transposed        bool
	first, last, taps int // of panels: the offsets of the first and the last tap's weights, and the number of taps
}

// mostConstants is the number of numbers that are kept: 256 MB.
const mostConstants = 64 << 20

// room returns room for so many numbers under a name, and whether they are in it already; nil if there is none left.
func (c *constants) room(name constant, size int) (room []float32, kept bool) {
	if room, kept = c.kept[name]; kept {
		return room, true
	}
	if c.size+size > mostConstants {
		return nil, false
	}
	var fresh []float32
	room = aligned(&fresh, size)
	if c.kept == nil {
		c.kept = map[constant][]float32{}
	}
	c.kept[name] = room
	c.size += size
	return room, false
}

// winogradRoom returns room for so many transformed weights of j, and whether they are in it already.
func (p *products) winogradRoom(j *winogradJob, size int) (room []float32, kept bool) {
	if j.constant != 0 {
		room, kept = p.constants.room(constant{weights: j.constant, filtering: j.filtering, transposed: j.transposed}, size)
	}
	if room == nil {
		room = aligned(&p.transformed, size)
	}
	return room, kept
}

// keepPanels packs all of a job's B, if that is constant and its tasks would pack it, or finds it packed.
func (p *products) keepPanels(j *rowsJob) {
	raw := !j.b.transposed && ceil(j.m, j.mTasks) <= rawRows
	if j.constant == 0 || j.paired || j.batch > 1 || raw || len(j.taps) == 0 {
		return
	}
	name := constant{
		weights: j.constant, transposed: j.b.transposed, first: j.taps[0].weight, last: j.taps[len(j.taps)-1].weight, taps: len(j.taps),
	}
	kept := false
	if j.kept, kept = p.constants.room(name, len(j.taps)*j.depth*ceil(j.n, p.width())*p.width()); j.kept == nil || kept {
		return
	}
	p.keeping = j
	p.pool.Run(j.blocks*ceil(j.n, p.width()), p.runKeep)
	p.keeping = nil
}

// keepTask packs a panel of a block.
func (p *products) keepTask(task, worker int) {
	j := p.keeping
	block, n := task%j.blocks, task/j.blocks*p.width()
	s, columns := j.block(block), min(p.width(), j.n-n)
	panel := p.keptPanels(j, s, n, n+columns).packed
	for _, tap := range j.taps[s.first:s.end] {
		at := j.b
		at.base += uintptr(tap.weight)
		p.pack(p.workers[worker], at, s.from, s.to, n, columns, panel)
		panel = panel[(s.to-s.from)*ceil(columns, p.Lanes)*p.Lanes:]
	}
}

// keptPanels are columns n0 to n1 of the part s of a B that is kept, in which parts follow each other.
func (p *products) keptPanels(j *rowsJob, s sums, n0, n1 int) panels {
	before, depth := s.first*j.depth+s.from, (s.end-s.first)*(s.to-s.from)
	start := before*ceil(j.n, p.width())*p.width() + n0*depth
	return panels{products: p, depth: depth, n0: n0, n1: n1, packed: j.kept[start:]}
}
