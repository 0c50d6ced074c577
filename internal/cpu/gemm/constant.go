package gemm

// constants is a cache of what is computed from weights that don't change, as in inference: weights transformed for Winograd's
// algorithm, packed into panels, or rounded to bfloat16.
type constants struct {
	kept  map[Constant]*keptConstant
	Size  int // number of elements
	Calls int // number of calls of Room
}

// keptConstant is an entry of the cache; call is the number of the call of Room that used it last.
type keptConstant struct {
	room []float32
	call int
}

// Constant is the key of weights in one form.
type Constant struct {
	Weights           uint64
	M, R              int // of Winograd's F(m×m, r×r); 0 for panels and rounded weights
	Transposed        bool
	first, last, taps int  // of panels: the offsets of the weights of the first and the last tap, and the number of taps
	paired            bool // panels in bfloat16
	rounded           bool // to bfloat16, see roundedWeights
}

const (
	// MostConstants is the largest number of elements that are kept: 256 MB.
	MostConstants = 64 << 20
	// StaleConstant is the number of calls of Room after which an unused entry may be evicted, since its model is no longer in use.
	// Models in use need their entries much sooner, so they don't evict each other's.
	StaleConstant = 10_000
)

// Room returns the memory of size elements for a key, and whether it is filled already; nil if the cache is full.
func (c *constants) Room(name Constant, size int) (room []float32, kept bool) {
	c.Calls++
	if k := c.kept[name]; k != nil {
		k.call = c.Calls
		return k.room, true
	}
	if c.Size+size > MostConstants {
		for name, k := range c.kept {
			if c.Calls-k.call > StaleConstant {
				delete(c.kept, name)
				c.Size -= len(k.room)
			}
		}
	}
	if c.Size+size > MostConstants {
		return nil, false
	}
	room = aligned(size)
	if c.kept == nil {
		c.kept = map[Constant]*keptConstant{}
	}
	c.kept[name] = &keptConstant{room, c.Calls}
	c.Size += size
	return room, false
}

// name is the key of a job's B in panels.
func (j *RowsJob) name() Constant {
	return Constant{
		Weights: j.Constant, Transposed: j.B.Transposed, paired: j.Paired,
		first: j.Taps[0].Weight, last: j.Taps[len(j.Taps)-1].Weight, taps: len(j.Taps),
	}
}

// keepPanels packs all of a job's B in float32 if it is constant and its tasks would pack it, or finds it packed.
func (p *Engine) keepPanels(j *RowsJob) {
	raw := !j.B.Transposed && Ceil(j.M, j.mTasks) <= rawRows && !p.Uniform // few rows read a B in panels faster, too
	if j.Constant == 0 || j.Paired || j.Batch > 1 || raw || len(j.Taps) == 0 {
		return
	}
	kept := false
	if j.kept, kept = p.Constants.Room(j.name(), len(j.Taps)*j.Depth*Ceil(j.N, p.Width())*p.Width()); j.kept == nil || kept {
		return
	}
	p.keeping = j
	p.Pool.Run(j.Blocks*Ceil(j.N, p.Width()), p.runKeep)
	p.keeping = nil
}

// keepTask packs a panel of a block.
func (p *Engine) keepTask(task, worker int) {
	j := p.keeping
	block, n := task%j.Blocks, task/j.Blocks*p.Width()
	s, columns := j.block(block), min(p.Width(), j.N-n)
	panel := p.keptPanels(j, s, n, n+columns).packed
	for _, tap := range j.Taps[s.first:s.end] {
		at := j.B
		at.Base += uintptr(tap.Weight)
		p.pack(p.Workers[worker], at, s.from, s.to, n, columns, panel)
		panel = panel[(s.to-s.from)*Ceil(columns, p.Lanes)*p.Lanes:]
	}
}

// keptPanels returns columns n0 to n1 of the terms s of a kept B.
func (p *Engine) keptPanels(j *RowsJob, s sums, n0, n1 int) panels {
	before, depth := s.first*j.Depth+s.from, (s.end-s.first)*(s.to-s.from)
	start := before*Ceil(j.N, p.Width())*p.Width() + n0*depth
	return panels{Engine: p, depth: depth, n0: n0, n1: n1, packed: j.kept[start:]}
}
