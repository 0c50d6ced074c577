package gemm

import "cmp"

// ColumnsJob is a product with the depth down the columns of A, for each tap t, Batch times:
//
//	C[t][m][n] = act(Σ over k of A[k shifted by t][m] · B[k][n] + bias[n])
type ColumnsJob struct {
	Batch                         int
	AStep, BStep, CStep, biasStep int // bytes from one product of the batch to the next

	M, N, Depth int
	Taps        []Tap // Weight is the offset of the tap's first row in C
	A           Grid  // Depth rows of A
	*Padding          // of A's images, or nil
	Images      int   // number of padded images, each with Depth rows of A and B; 0 without Padding
	B           Matrix
	C           uintptr
	CStride     int // bytes between rows of C
	Epilogue

	paired         bool // in bfloat16
	most           int  // largest number of rows of A and B in a block
	parts          int  // of the depth, summed apart (split-K)
	blocks         int  // of a part's, or an image's, depth
	begin, end     int  // rows of the part
	mTasks, nTasks int
	sharing        sharing // B in bfloat16, if it has regions
}

const (
	// columnsBlock is the number of rows of A and B that are summed in registers at a time. The columns of A of a tile are copied
	// side by side first, see gatherPanels; these copies are 16 KB of the level-1 cache with AVX-512. In bfloat16, where numbers
	// take half the room, it is twice as many.
	columnsBlock = 256
	// With fewer than splitTiles tiles in C, a depth of at least splitDepth is cut into up to mostParts parts (split-K), so that all
	// threads have work.
	splitTiles, splitDepth, mostParts = 64, 4096, 16
	// rawTiles is the number of tiles down C up to which packing B costs more than it saves.
	rawTiles = 2
	// gatherPanels is the number of panels from which the columns of A of a tile are copied first. They are a part of a cache
	// line, which each panel would fetch again. With 1,024 columns all these lines even fall into one set of the level-1 cache.
	gatherPanels = 3
)

// StartColumns runs j.
func (p *Engine) StartColumns(j ColumnsJob) {
	if j.Batch*j.M*j.N*len(j.Taps) == 0 {
		return
	}
	p.planColumns(&j)
	if j.paired {
		p.NeedBlank(max(j.M, j.N))
	}
	size := len(j.Taps) * j.M * j.N
	if j.parts > 1 {
		p.partialSums(j.parts * size)
	}
	p.columns = j
	p.shareColumns()
	p.Pool.Run(j.tasks(), p.runColumns)
	if j.parts > 1 {
		p.Pool.Run(Ceil(size, sumGrain), p.runSum)
	}
}

// planColumns decides how j is cut into blocks, parts and tasks.
func (p *Engine) planColumns(j *ColumnsJob) {
	j.paired = p.Paired(len(j.Taps)*j.M, j.N, j.Depth)
	if j.most = columnsBlock; j.paired {
		j.most = p.mostTerms(2*columnsBlock, true)
	}
	tiles, panels := len(j.Taps)*Ceil(j.M, p.Tallest(j.paired)), Ceil(j.N, p.Width())
	most := p.mostPanels(min(j.most, j.Depth), j.paired) // panels that a task may hold
	j.parts, j.mTasks, j.nTasks = 1, 1, Ceil(panels, most)
	size := len(j.Taps) * j.M * j.N
	// The number of parts sets the order of the sums, so it must not depend on the kernel set or the number of threads.
	plain := j.Batch == 1 && j.Epilogue == Epilogue{}
	if small := len(j.Taps)*Ceil(j.M, 12)*Ceil(j.N, 32) < splitTiles; j.Images > 0 {
		j.parts = min(mostParts, j.Images)
	} else if plain && small && j.Depth >= splitDepth {
		j.parts = min(mostParts, 4*j.Depth/splitDepth)
	}
	deepest := j.Depth // rows that are cut into blocks
	if j.Images == 0 {
		deepest = Ceil(j.Depth, j.parts)
	}
	j.blocks = max(1, Ceil(deepest, j.most))
	if p.divided(j.Batch * size * max(j.Depth*max(1, j.Images), 16)) {
		c := cutting{batch: j.Batch * j.parts, units: tiles, panels: panels, minN: j.nTasks, perPanel: packCost, perUnits: gatherCost}
		c.maxM = max(tiles/2, 1)
		if j.paired {
			regions := j.blocks * cmp.Or(j.Images, j.parts)
			if s, ok := p.share(j.N, regions, p.BF16.PairsOf(Ceil(deepest, j.blocks)), j.Batch); ok {
				j.sharing, c.maxM, c.perPanel, c.perUnits = s, tiles, 0, roundCost
			}
		}
		j.mTasks, j.nTasks = p.cut(c)
	}
}

// tasks is the number of tasks of j.
func (j *ColumnsJob) tasks() int { return j.Batch * j.parts * j.mTasks * j.nTasks }

// columnsTask computes a rectangle of one product, or of a part of its sum.
func (p *Engine) columnsTask(task, worker int) {
	j := p.columns
	batch := task / (j.mTasks * j.nTasks)
	tile0, tile1, n0, n1 := p.columnsRectangle(&j, task)
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
		p.columnsDepth(w, &j, batch, from, to, true, tile0, tile1, n0, n1)
		return
	}
	first := j.B.Base
	for image := from; image < to; image++ {
		j.A.Base = w.padded(j.Padding, image)
		j.B.Base = first + uintptr(image*j.Depth*j.B.Stride)
		p.columnsDepth(w, &j, image, 0, j.Depth, image == from, tile0, tile1, n0, n1)
	}
}

// columnsDepth adds rows from to to of A and B to columns n0 to n1 of tiles tile0 to tile1 of C, which are counted down all taps.
// part is the number of the image, or of the part of the depth.
func (p *Engine) columnsDepth(w *Worker, j *ColumnsJob, part, from, to int, first bool, tile0, tile1, n0, n1 int) {
	for i := range j.blocks {
		k0, k1 := from+Split(to-from, i, j.blocks), from+Split(to-from, i+1, j.blocks)
		var b panels
		if j.sharing.regions > 0 {
			b = j.sharing.panels(p, part*j.blocks+i, p.BF16.PairsOf(k1-k0), j.N, n0, n1)
		} else {
			b = p.Panels(w, j.B, WholeDepth, k0, k1, n0, n1, tile1-tile0 <= rawTiles, j.paired)
		}
		p.columnsBlock(w, j, b, k0, k1, first && i == 0, i == j.blocks-1, tile0, tile1)
	}
}

// columnsRectangle returns the tiles, counted down all taps, and the columns of C that a task of j computes.
func (p *Engine) columnsRectangle(j *ColumnsJob, task int) (tile0, tile1, n0, n1 int) {
	mTask, nTask := task%j.mTasks, task/j.mTasks%j.nTasks
	tiles, panels := len(j.Taps)*Ceil(j.M, p.Tallest(j.paired)), Ceil(j.N, p.Width())
	tile0, tile1 = Split(tiles, mTask, j.mTasks), Split(tiles, mTask+1, j.mTasks)
	n0, n1 = Split(panels, nTask, j.nTasks)*p.Width(), min(j.N, Split(panels, nTask+1, j.nTasks)*p.Width())
	return tile0, tile1, n0, n1
}

// row returns the address of row r of tap t of C, or of the task's part of the sums.
func (j *ColumnsJob) row(t, r int) uintptr {
	if j.parts > 1 {
		return j.C + uintptr(4*j.N*(t*j.M+r))
	}
	return j.C + uintptr(j.Taps[t].Weight+r*j.CStride)
}

// WholeDepth is the one tap of a matrix without taps.
var WholeDepth = []Tap{{}}
