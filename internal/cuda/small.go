package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// smallSide is the number of rows and of columns of a small block's sums: SIDE in small.cu.
const smallSide = 16

// launchCycles is the time from an almost empty launch to the next one.
const launchCycles = 3000.0

// smallCycles estimates the time of a number of small blocks with sums over the given depth.
func (d *Device) smallCycles(blocks, depth int) float64 {
	const (
		atOnce  = 256    // depth that a block loads at a time
		waiting = 1200.0 // cycles until a block's loads arrive, and to add up its sums
		busy    = 300.0  // cycles of a multiprocessor for a block, at any depth
		each    = 4.4    // cycles for each number of the depth
	)
	waves, rounds := (blocks+d.info.Processors-1)/d.info.Processors, (depth+atOnce-1)/atOnce
	return waiting + float64(waves)*(busy*float64(rounds)+each*float64(depth))
}

// smallBlocks is the number of small blocks of m×n sums.
func smallBlocks(m, n int) int { return smallDown(m) * smallDown(n) }

func smallDown(n int) int { return (n + smallSide - 1) / smallSide }

// productCycles estimates the time of a product in small blocks and in tiles. Small blocks take less where tiles would keep
// a GPU busy only with a split depth, for whose parts blocks wait.
func (d *Device) productCycles(g kernel.Gemm) (small, tiles float64) {
	return d.smallCycles(smallBlocks(g.M, g.N)*g.Batch, g.K), d.planGemm(g).cycles
}

// gemmSmall computes a product in small blocks.
func (d *Device) gemmSmall(g kernel.Gemm, a, b, bias, c kernel.Buffer) {
	p := d.product(g, a, b, bias, c)
	p.across = size32(smallDown(g.N))
	d.launch(function{"small", "gemm_small"}, dim3{uint32(smallBlocks(g.M, g.N)), 1, uint32(g.Batch)}, dim3{tileThreads, 1, 1}, 0, structArg(p))
}

// layerArguments is Layer in small.cu.
type layerArguments struct {
	x, w, y, gy               uint64
	gx, gw, gbias             uint64
	rows, in, out, act        int32
	slope                     float32
	xBlocks, wBlocks          int32
	xVector, wVector, yVector int32
}

// FasterLinearGrad implements kernel.LinearGradients. It compares one launch with two products, the gradient of the bias and
// that of the activation.
func (d *Device) FasterLinearGrad(l kernel.LinearGrad) bool {
	if min(l.Rows, l.In, l.Out) == 0 {
		return false
	}
	smallX, tilesX := d.productCycles(kernel.Gemm{M: l.Rows, N: l.In, K: l.Out, Batch: 1})
	smallW, tilesW := d.productCycles(kernel.Gemm{M: l.In, N: l.Out, K: l.Rows, Batch: 1})
	return smallX+smallW < min(smallX, tilesX)+min(smallW, tilesW)+2*launchCycles
}

// LinearGrad implements kernel.LinearGradients.
func (d *Device) LinearGrad(l kernel.LinearGrad, x, w, y, gy, gx, gw, gbias kernel.Buffer) {
	p := &d.arguments.layer
	*p = layerArguments{
		x: x.Addr, w: w.Addr, y: y.Addr, gy: gy.Addr, gx: gx.Addr, gw: gw.Addr, gbias: gbias.Addr,
		rows: size32(l.Rows), in: size32(l.In), out: size32(l.Out), act: int32(l.Act), slope: float32(l.Slope),
		wBlocks: size32(smallBlocks(l.In, l.Out)),
		xVector: flag(aligned16(x.Addr, l.In)), wVector: flag(aligned16(w.Addr, l.Out)),
		yVector: flag(aligned16(gy.Addr, l.Out) && (l.Act == kernel.ActNone || aligned16(y.Addr, l.Out))),
	}
	blocks := p.wBlocks
	if !gx.IsNil() {
		p.xBlocks = size32(smallBlocks(l.Rows, l.In))
		blocks += p.xBlocks
	}
	if !gbias.IsNil() {
		blocks += size32((l.Out + 31) / 32)
	}
	d.launch(function{"small", "linear_grad"}, dim3{uint32(blocks), 1, 1}, dim3{tileThreads, 1, 1}, 0, structArg(p))
}
