package cpu

// constants are what is made of weights that don't change, those of models that only answer, and kept for the next time:
// transformed for Winograd's algorithm, or packed into panels.
type constants struct {
	kept  map[constant]*keptConstant
	size  int // of all, in numbers
	calls int // of room
}

// keptConstant was wanted last by that call.
type keptConstant struct {
	room []float32
	call int
}

// constant names what a way of computing makes of weights.
type constant struct {
	weights uint64
	filtering
	transposed        bool
	first, last, taps int // of panels: the offsets of the first and the last tap's weights, and the number of taps
}

const (
	// mostConstants is the number of numbers that are kept: 256 MB.
	mostConstants = 64 << 20
	// staleConstant is the number of calls after which what nobody has wanted makes room: its model is gone. Models
	// that are in use want theirs much sooner, so they don't push each other out in turns.
	staleConstant = 10_000
)

// room returns room for so many numbers under a name, and whether they are in it already; nil if there is none left.
func (c *constants) room(name constant, size int) (room []float32, kept bool) {
	c.calls++
	if k := c.kept[name]; k != nil {
		k.call = c.calls
		return k.room, true
	}
	if c.size+size > mostConstants {
		for name, k := range c.kept {
			if c.calls-k.call > staleConstant {
				delete(c.kept, name)
				c.size -= len(k.room)
			}
		}
	}
	if c.size+size > mostConstants {
		return nil, false
	}
	var fresh []float32
	room = aligned(&fresh, size)[:size]
	if c.kept == nil {
		c.kept = map[constant]*keptConstant{}
	}
	c.kept[name] = &keptConstant{room, c.calls}
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
