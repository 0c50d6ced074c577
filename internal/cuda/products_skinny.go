package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// skinny is the number of rows or columns up to which a product takes as long as reading its other operand: SKINNY in
// products.cu.
const skinny = 4

// skinnyArguments is Skinny in products.cu.
type skinnyArguments struct {
	x, w, bias, c, partial, arrived uint64
	xRow, xDepth, ldW               int64
	cRow, cColumn                   int64
	strideX, strideW, strideC       int64
	rows, columns, k                int32
	parts, depth, team              int32
	vector, biasOfRow               int32
	accumulate, act                 int32
	slope                           float32
}

// gemmSkinny computes a product with few rows, or with few columns: then as its transpose.
func (d *Device) gemmSkinny(g kernel.Gemm, a, b, bias, c kernel.Buffer) {
	p := &d.arguments.skinny
	*p = skinnyArguments{
		x: a.Addr, w: b.Addr, bias: bias.Addr, c: c.Addr, ldW: int64(g.LdB), cRow: int64(g.LdC), cColumn: 1,
		strideX: int64(g.StrideA), strideW: int64(g.StrideB), strideC: int64(g.StrideC),
		rows: size32(g.M), columns: size32(g.N), k: size32(g.K), parts: 1,
		accumulate: flag(g.Accumulate), act: int32(g.Act), slope: float32(g.Slope),
	}
	ldX, strideW, along, xAlong := g.LdA, g.StrideB, g.TransB, !g.TransA
	if g.M > skinny {
		p.x, p.w, p.ldW, p.cRow, p.cColumn = b.Addr, a.Addr, int64(g.LdA), 1, int64(g.LdC)
		p.strideX, p.strideW = p.strideW, p.strideX
		p.rows, p.columns, p.biasOfRow = p.columns, p.rows, 1
		ldX, strideW, along, xAlong = g.LdB, g.StrideA, !g.TransA, g.TransB
	}
	p.xRow, p.xDepth = 1, int64(ldX)
	if xAlong {
		p.xRow, p.xDepth = int64(ldX), 1
	}
	columns := int(p.columns)
	if along {
		p.vector = flag(xAlong && aligned16(p.w, int(p.ldW), strideW) && aligned16(p.x, ldX, int(p.strideX)))
		switch { // each thread gets several float4 to add
		case g.K >= 4096:
			p.team = 256
		case g.K >= 256:
			p.team = 32
		default:
			p.team = 8
		}
		perBlock := 256 / int(p.team)
		d.launch(function{"products", "few_along"}, dim3{uint32((columns + perBlock - 1) / perBlock), 1, uint32(g.Batch)}, dim3{256, 1, 1}, 0, structArg(p))
		return
	}
	const most = 64 // numbers that a thread adds at most
	width, block := d.acrossBlock(columns, g.Batch, g.K)
	blocks := (columns + width - 1) / width * g.Batch
	parts := max(1, min(g.K*width/(most*block), 4*d.info.Processors/blocks, 128))
	p.team, p.depth = int32(width), size32(max(1, (g.K+parts-1)/parts))
	p.parts = int32(max(1, (g.K+int(p.depth)-1)/int(p.depth)))
	if p.parts > 1 {
		p.partial, p.arrived = d.splitMemory()
	}
	d.launch(function{"products", "few_across"}, dim3{uint32(blocks / g.Batch), uint32(p.parts), uint32(g.Batch)}, dim3{uint32(block), 1, 1}, 0, structArg(p))
}

// acrossBlock returns the columns and threads of a block that sums over the depth of a skinny product. Blocks are narrower
// where a GPU would be idle otherwise. Threads are so many that each adds 16 numbers: blocks that share a depth wait for each
// other longer than a thread takes to read several times as many.
func (d *Device) acrossBlock(columns, batch, depth int) (width, threads int) {
	const each = 16
	width, threads = 32, 256
	for width > 8 && (columns+width-1)/width*batch < d.info.Processors*3/4 {
		width /= 2
	}
	for threads < 1024 && depth*width > each*threads {
		threads *= 2
	}
	return width, threads
}
