package cpu

import "github.com/bestiary-ml/bestiary/internal/cpu/simd"

// columnsJob is C[t][m][n] = act(Σ over k of A[k shifted by t][m] · B[k][n] + bias[n]) for taps t, batch times.
type columnsJob struct {
	batch                         int
	aStep, bStep, cStep, biasStep int // bytes from one product of the batch to the next

	m, n, depth int
	taps        []tap // weight is the offset of the tap's first row in C
	a           grid  // rows of A, depth of them
	*padding          // a's images, where they must be padded first; otherwise nil
	images      int   // padded ones, each of which has depth rows of A and B; otherwise 0
	b           matrix
	c           uintptr
	cStride     int // bytes between rows of C
	epilogue

	paired         bool // in bfloat16
	most           int  // rows of A and B that a block sums
	parts          int  // of the depth, summed apart
	begin, end     int  // of the part that is summed
	mTasks, nTasks int
}

const (
	// columnsBlock is the number of rows of A and B that are summed in registers at a time.
	columnsBlock = 512
	// fewTiles is the number of tiles of C below which a depth of at least longDepth is cut into parts, to occupy the
	// threads; there are at most mostParts.
	fewTiles, longDepth, mostParts = 64, 4096, 16
	// rawTiles is the number of tiles on top of each other up to which B isn't worth packing.
	rawTiles = 2
	// gatherPanels is the number of panels side by side from which on AVX2's tile's part of A is copied first: it is so
	// narrow that a cache line would be fetched for a few of its numbers, again for each panel.
	gatherPanels = 3
)

// startColumns runs j.
func (p *products) startColumns(j columnsJob) {
	if j.batch*j.m*j.n*len(j.taps) == 0 {
		return
	}
	if j.paired = p.paired(len(j.taps)*j.m, j.n, j.depth); j.paired {
		p.needBlank(max(j.m, j.n))
	}
	j.most = p.mostTerms(columnsBlock, j.paired)
	tiles, panels := len(j.taps)*ceil(j.m, p.height(j.paired)), ceil(j.n, p.width())
	most := p.mostPanels(min(j.most, j.depth), j.paired) // panels that a task may hold
	j.parts, j.mTasks, j.nTasks = 1, 1, ceil(panels, most)
	size := len(j.taps) * j.m * j.n
	// The order of the sums follows from this, so it doesn't depend on the kernel set or the number of threads.
	plain := j.batch == 1 && j.epilogue == epilogue{}
	if few := len(j.taps)*ceil(j.m, 12)*ceil(j.n, 32) < fewTiles; j.images > 0 {
		j.parts = min(mostParts, j.images)
	} else if plain && few && j.depth >= longDepth {
		j.parts = min(mostParts, 4*j.depth/longDepth)
	}
	if j.parts > 1 {
		if len(p.partial) < j.parts*size {
			p.partial = make([]float32, j.parts*size)
		}
	}
	if want := 4 * p.pool.Threads(); p.pool.Threads() > 1 && j.batch*size*max(j.depth*max(1, j.images), 16) > smallJob {
		j.mTasks = max(1, min(ceil(want, j.batch*j.parts*j.nTasks), tiles/6))
		if tasks := j.tasks(); tasks < want {
			j.nTasks = min(panels, j.nTasks*ceil(want, tasks))
		}
		if tasks := j.tasks(); tasks < want {
			j.mTasks = min(tiles, j.mTasks*ceil(want, tasks))
		}
	}
	p.columns = j
	p.pool.Run(j.tasks(), p.runColumns)
	if j.parts > 1 {
		p.pool.Run(ceil(size, sumGrain), p.runSum)
	}
}

func (j *columnsJob) tasks() int { return j.batch * j.parts * j.mTasks * j.nTasks }

// columnsTask computes a rectangle of one product, or of a part of its sum.
func (p *products) columnsTask(task, worker int) {
	j := p.columns
	batch := task / (j.mTasks * j.nTasks)
	mTask, nTask := task%j.mTasks, task/j.mTasks%j.nTasks
	tiles, panels := len(j.taps)*ceil(j.m, p.height(j.paired)), ceil(j.n, p.width())
	tile0, tile1 := split(tiles, mTask, j.mTasks), split(tiles, mTask+1, j.mTasks)
	n0, n1 := split(panels, nTask, j.nTasks)*p.width(), min(j.n, split(panels, nTask+1, j.nTasks)*p.width())
	depth := j.depth
	if j.images > 0 {
		depth = j.images
	}
	from, to := 0, depth
	if j.parts > 1 {
		from, to = split(depth, batch, j.parts), split(depth, batch+1, j.parts)
		j.c = address(p.partial[batch*len(j.taps)*j.m*j.n:])
	} else {
		j.a.base += uintptr(batch * j.aStep)
		j.b.base += uintptr(batch * j.bStep)
		j.c += uintptr(batch * j.cStep)
		if j.bias != 0 {
			j.bias += uintptr(batch * j.biasStep)
		}
	}
	w := p.workers[worker]
	if j.begin, j.end = from, to; j.images == 0 {
		p.columnsDepth(w, &j, from, to, true, tile0, tile1, n0, n1)
		return
	}
	first := j.b.base
	for image := from; image < to; image++ {
		j.a.base = w.padded(j.padding, image)
		j.b.base = first + uintptr(image*j.depth*j.b.stride)
		p.columnsDepth(w, &j, 0, j.depth, image == from, tile0, tile1, n0, n1)
	}
}

// columnsDepth adds rows from to to of A and B to tiles tile0 to tile1, counted down the taps, of columns n0 to n1 of C.
func (p *products) columnsDepth(w *productWorker, j *columnsJob, from, to int, first bool, tile0, tile1, n0, n1 int) {
	blocks := max(1, ceil(to-from, j.most))
	for i := range blocks {
		k0, k1 := from+split(to-from, i, blocks), from+split(to-from, i+1, blocks)
		p.columnsBlock(w, j, k0, k1, first && i == 0, i == blocks-1, tile0, tile1, n0, n1)
	}
}

// row returns the address of row r of tap t of C, or of the part of its sum that is being computed.
func (j *columnsJob) row(t, r int) uintptr {
	if j.parts > 1 {
		return j.c + uintptr(4*j.n*(t*j.m+r))
	}
	return j.c + uintptr(j.taps[t].weight+r*j.cStride)
}

// wholeDepth is the one tap of a matrix without taps.
var wholeDepth = []tap{{}}

// columnsBlock is columnsDepth for rows k0 to k1, first and last of which set up and finish the sums.
func (p *products) columnsBlock(w *productWorker, j *columnsJob, k0, k1 int, first, last bool, tile0, tile1, n0, n1 int) {
	b := p.panels(w, j.b, wholeDepth, k0, k1, n0, n1, tile1-tile0 <= rawTiles, j.paired)
	t, tallest := &w.tile, p.height(j.paired)
	if t.K = k1 - k0; j.paired {
		t.K = p.bf16.pairsOf(t.K)
	}
	j.prepare(t, first, last)
	tilesPerTap := ceil(j.m, tallest)
	table := w.addresses(max(k1-k0, 2*t.K))[:k1-k0] // room to fill up pairs
	t.A, t.C = &w.table[0], &w.rows[0]
	gather := p.Lanes == 8 && n1-n0 >= gatherPanels*p.width() && t.K > 0
	read := table // what the tiles read
	if gather {
		read = w.gatherTable(t.K, p.Lanes)
		t.A = &read[0]
	}
	filled, pairedTo, pairedFrom := -1, tile0, 0 // tiles before pairedTo have their pairs, which begin with column pairedFrom
	for tile := tile0; tile < tile1; tile++ {
		tap, i := tile/tilesPerTap, tile%tilesPerTap
		if tap != filled {
			j.a.addresses(table, j.a.point(k0), j.taps[tap])
			filled = tap
		}
		r0, r1 := p.edge(j.m, i, tilesPerTap, j.paired), p.edge(j.m, i+1, tilesPerTap, j.paired)
		for r := r0; r < r1; r++ {
			w.rows[r-r0] = j.row(tap, r)
		}
		t.AOffset = 4 * r0
		if gather {
			w.gathering = simd.Gathering{
				Dst: address(w.gathered), Rows: &table[0], Offset: 4 * r0, Count: t.K, Columns: r1 - r0,
			}
			p.Gather(&w.gathering)
			t.AOffset = 0
		}
		if j.paired {
			if tile == pairedTo {
				pairedTo, pairedFrom = min(tile+pairColumns/tallest, (tap+1)*tilesPerTap, tile1), r0
				p.pairTiles(w, t, table, r0, p.edge(j.m, pairedTo-tap*tilesPerTap, tilesPerTap, true))
			}
			t.AOffset = 4 * (r0 - pairedFrom)
		}
		for n := n0; n < n1; n += p.width() {
			vectors := b.place(t, n)
			t.Bias = 0
			if last && j.bias != 0 {
				t.Bias = j.bias + uintptr(4*n)
			}
			switch {
			case j.paired:
				p.bf16.multiplyColumns(w, t, vectors, r1-r0)
			case j.a.images > 0:
				p.columnsStretches(t, j, j.taps[tap], read, k0, k1, vectors, r1-r0)
			default:
				p.Columns[vectors-1][r1-r0](t)
			}
		}
		if last {
			p.finish(&j.epilogue, w.rows[:r1-r0], n0, n1)
		}
	}
}

// columnsStretches is a tile of columnsBlock where some of the tap's rows, which read has from k0 on, are left out.
func (p *products) columnsStretches(t *simd.Tile, j *columnsJob, at tap, read []uintptr, k0, k1, vectors, height int) {
	panel := t.B
	for k := k0; k < k1; {
		from, to, begins := j.stretch(at, k, k1)
		if k = to; from == to {
			break
		}
		j.prepare(t, begins, false)
		t.A, t.B, t.K = &read[from-k0], panel+uintptr((from-k0)*t.BStride), to-from
		p.Columns[vectors-1][height](t)
	}
	t.K = k1 - k0
}

const sumGrain = 4096

// sumTask adds up a stretch of the parts of a sum, in their order.
func (p *products) sumTask(task, _ int) {
	j := &p.columns
	size := len(j.taps) * j.m * j.n
	end := min(size, (task+1)*sumGrain)
	for i := task * sumGrain; i < end; {
		row, column := i/j.n, i%j.n
		n := min(j.n-column, end-i)
		offset := int(j.c-address(p.operands[result])) + j.taps[row/j.m].weight + row%j.m*j.cStride + 4*column
		dst := p.operands[result][offset/4:][:n]
		copy(dst, p.partial[i:])
		for part := 1; part < j.parts; part++ {
			for k, v := range p.partial[part*size+i:][:n] {
				dst[k] += v
			}
		}
		i += n
	}
}
