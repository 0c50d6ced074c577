package gemm

// Grid addresses the rows of an operand (implicit GEMM): each row is a pixel of an image, at the points of a regular grid. The rows
// of a matrix are the pixels of an image of height 1. Strides and addresses are in bytes.
type Grid struct {
	Base                                uintptr
	ImageStride, RowStride, PixelStride int
	Height, Width                       int     // of an image, in pixels
	Rows, Columns                       int     // of the grid on it
	StepY, StepX                        int     // pixels from one grid point to the next
	Outside                             uintptr // address of the zeros that stand for pixels outside the image
	images                              int     // if not 0, rows are in the order of points: all images of a point, then those of the next
}

// Tap shifts a grid by whole pixels. A convolution has a tap for each position in its kernel.
type Tap struct {
	Y, X   int
	Weight int // offset of the tap's first weight, in bytes
}

// MatrixGrid is the grid of the rows of a matrix.
func MatrixGrid(base uintptr, rows, stride int) Grid {
	return Grid{Base: base, PixelStride: stride, Height: 1, Width: rows, Rows: 1, Columns: max(1, rows), StepY: 1, StepX: 1}
}

// point is a point of a grid on one image.
type point struct{ image, row, column int }

// point returns the point of row i.
func (g *Grid) point(i int) point {
	if g.images > 0 {
		position := i / g.images
		return point{i % g.images, position / g.Columns, position % g.Columns}
	}
	inImage := i % (g.Rows * g.Columns)
	return point{i / (g.Rows * g.Columns), inImage / g.Columns, inImage % g.Columns}
}

// inside reports whether p, shifted by t, is on the image.
func (g *Grid) inside(p point, t Tap) bool {
	return uint(p.row*g.StepY+t.Y) < uint(g.Height) && uint(p.column*g.StepX+t.X) < uint(g.Width)
}

// addresses fills table with the addresses of the grid's rows from p on, shifted by t.
func (g *Grid) addresses(table []uintptr, p point, t Tap) {
	if g.images > 0 {
		g.imageAddresses(table, p, t)
		return
	}
	for len(table) > 0 {
		n := min(len(table), g.Columns-p.column)
		run := table[:n]
		y := p.row*g.StepY + t.Y
		if uint(y) >= uint(g.Height) {
			for i := range run {
				run[i] = g.Outside
			}
		} else {
			x := p.column*g.StepX + t.X
			at := g.Base + uintptr(p.image*g.ImageStride+y*g.RowStride+x*g.PixelStride)
			step := uintptr(g.StepX * g.PixelStride)
			if x >= 0 && x+(n-1)*g.StepX < g.Width {
				for i := range run {
					run[i] = at
					at += step
				}
			} else {
				for i := range run {
					run[i] = at
					if uint(x) >= uint(g.Width) {
						run[i] = g.Outside
					}
					at += step
					x += g.StepX
				}
			}
		}
		table = table[n:]
		p.column = 0
		if p.row++; p.row == g.Rows {
			p.row = 0
			p.image++
		}
	}
}

// imageAddresses is addresses for rows in the order of points.
func (g *Grid) imageAddresses(table []uintptr, p point, t Tap) {
	for len(table) > 0 {
		n := min(len(table), g.images-p.image)
		at, step := g.Outside, 0
		if g.inside(p, t) {
			y, x := p.row*g.StepY+t.Y, p.column*g.StepX+t.X
			at, step = g.Base+uintptr(p.image*g.ImageStride+y*g.RowStride+x*g.PixelStride), g.ImageStride
		}
		for i := range table[:n] {
			table[i] = at
			at += uintptr(step)
		}
		table, p.image = table[n:], 0
		if p.column++; p.column == g.Columns {
			p.column, p.row = 0, p.row+1
		}
	}
}

// Square fills table with the addresses of k×k points of the grid, the first of which is pixel y, x of an image.
func (g *Grid) Square(table []uintptr, image, y, x, k int) {
	i := 0
	for range k {
		at := g.Base + uintptr(image*g.ImageStride+y*g.RowStride)
		for column := x; column < x+k*g.StepX; column += g.StepX {
			table[i] = at + uintptr(column*g.PixelStride)
			if uint(y) >= uint(g.Height) || uint(column) >= uint(g.Width) {
				table[i] = g.Outside
			}
			i++
		}
		y += g.StepY
	}
}
