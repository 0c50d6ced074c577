package gemm

// ColumnsJob is C[t][m][n] = act(Σ over k of A[k shifted by t][m] · B[k][n] + bias[n]) for taps t, batch times.
type ColumnsJob struct {
	Batch                         int
	AStep, BStep, CStep, biasStep int // bytes from one product of the batch to the next

	M, N, Depth int
	Taps        []Tap // weight is the offset of the tap's first row in C
	A           Grid  // rows of A, depth of them
	*Padding          // a's images, where they must be padded first; otherwise nil
	Images      int   // padded ones, each of which has depth rows of A and B; otherwise 0
	B           Matrix
	C           uintptr
	CStride     int // bytes between rows of C
	Epilogue

	paired         bool // in bfloat16
	most           int  // rows of A and B that a block sums
	parts          int  // of the depth, summed apart
	begin, end     int  // of the part that is summed
	mTasks, nTasks int
}

const (
	// columnsBlock is the number of rows of A and B that are summed in registers at a time.
	columnsBlock = 512
	// splitTiles is the number of tiles of C below which a depth of at least splitDepth is cut into parts, to occupy the
	// threads; there are at most mostParts.
	splitTiles, splitDepth, mostParts = 64, 4096, 16
	// rawTiles is the number of tiles on top of each other up to which B isn't worth packing.
	rawTiles = 2
	// gatherPanels is the number of panels side by side from which on AVX2's tile's part of A is copied first: it is so
	// narrow that a cache line would be fetched for a few of its numbers, again for each panel.
	gatherPanels = 3
)

// StartColumns runs j.
func (p *Engine) StartColumns(j ColumnsJob) {
	if j.Batch*j.M*j.N*len(j.Taps) == 0 {
		return
	}
	if j.paired = p.Paired(len(j.Taps)*j.M, j.N, j.Depth); j.paired {
		p.NeedBlank(max(j.M, j.N))
	}
	j.most = p.mostTerms(columnsBlock, j.paired)
	tiles, panels := len(j.Taps)*Ceil(j.M, p.Tallest(j.paired)), Ceil(j.N, p.Width())
	most := p.mostPanels(min(j.most, j.Depth), j.paired) // panels that a task may hold
	j.parts, j.mTasks, j.nTasks = 1, 1, Ceil(panels, most)
	size := len(j.Taps) * j.M * j.N
	// The order of the sums follows from this, so it doesn't depend on the kernel set or the number of threads.
	plain := j.Batch == 1 && j.Epilogue == Epilogue{}
	if few := len(j.Taps)*Ceil(j.M, 12)*Ceil(j.N, 32) < splitTiles; j.Images > 0 {
		j.parts = min(mostParts, j.Images)
	} else if plain && few && j.Depth >= splitDepth {
		j.parts = min(mostParts, 4*j.Depth/splitDepth)
	}
	if j.parts > 1 {
		p.partialSums(j.parts * size)
	}
	if want := 4 * p.Pool.Threads(); p.Pool.Threads() > 1 && j.Batch*size*max(j.Depth*max(1, j.Images), 16) > smallJob {
		j.mTasks = max(1, min(Ceil(want, j.Batch*j.parts*j.nTasks), tiles/6))
		if tasks := j.tasks(); tasks < want {
			j.nTasks = min(panels, j.nTasks*Ceil(want, tasks))
		}
		if tasks := j.tasks(); tasks < want {
			j.mTasks = min(tiles, j.mTasks*Ceil(want, tasks))
		}
	}
	p.columns = j
	p.Pool.Run(j.tasks(), p.runColumns)
	if j.parts > 1 {
		p.Pool.Run(Ceil(size, sumGrain), p.runSum)
	}
}

func (j *ColumnsJob) tasks() int { return j.Batch * j.parts * j.mTasks * j.nTasks }

// columnsTask computes a rectangle of one product, or of a part of its sum.
func (p *Engine) columnsTask(task, worker int) {
	j := p.columns
	batch := task / (j.mTasks * j.nTasks)
	mTask, nTask := task%j.mTasks, task/j.mTasks%j.nTasks
	tiles, panels := len(j.Taps)*Ceil(j.M, p.Tallest(j.paired)), Ceil(j.N, p.Width())
	tile0, tile1 := Split(tiles, mTask, j.mTasks), Split(tiles, mTask+1, j.mTasks)
	n0, n1 := Split(panels, nTask, j.nTasks)*p.Width(), min(j.N, Split(panels, nTask+1, j.nTasks)*p.Width())
	depth := j.Depth
	if j.Images > 0 {
		depth = j.Images
	}
	from, to := 0, depth
	if j.parts > 1 {
		from, to = Split(depth, batch, j.parts), Split(depth, batch+1, j.parts)
		j.C = Address(p.partial[batch*len(j.Taps)*j.M*j.N:])
	} else {
		j.A.Base += uintptr(batch * j.AStep)
		j.B.Base += uintptr(batch * j.BStep)
		j.C += uintptr(batch * j.CStep)
		if j.Bias != 0 {
			j.Bias += uintptr(batch * j.biasStep)
		}
	}
	w := p.Workers[worker]
	if j.begin, j.end = from, to; j.Images == 0 {
		p.columnsDepth(w, &j, from, to, true, tile0, tile1, n0, n1)
		return
	}
	first := j.B.Base
	for image := from; image < to; image++ {
		j.A.Base = w.padded(j.Padding, image)
		j.B.Base = first + uintptr(image*j.Depth*j.B.Stride)
		p.columnsDepth(w, &j, 0, j.Depth, image == from, tile0, tile1, n0, n1)
	}
}

// columnsDepth adds rows from to to of A and B to tiles tile0 to tile1, counted down the taps, of columns n0 to n1 of C.
func (p *Engine) columnsDepth(w *Worker, j *ColumnsJob, from, to int, first bool, tile0, tile1, n0, n1 int) {
	blocks := max(1, Ceil(to-from, j.most))
	for i := range blocks {
		k0, k1 := from+Split(to-from, i, blocks), from+Split(to-from, i+1, blocks)
		p.columnsBlock(w, j, k0, k1, first && i == 0, i == blocks-1, tile0, tile1, n0, n1)
	}
}

// row returns the address of row r of tap t of C, or of the part of its sum that is being computed.
func (j *ColumnsJob) row(t, r int) uintptr {
	if j.parts > 1 {
		return j.C + uintptr(4*j.N*(t*j.M+r))
	}
	return j.C + uintptr(j.Taps[t].Weight+r*j.CStride)
}

// WholeDepth is the one tap of a matrix without taps.
var WholeDepth = []Tap{{}}
