package cpu

// grid names rows of floats that a product walks through: the pixels of images on a regular grid, or the rows of a
// matrix, which are an image of height 1. Strides and addresses are in bytes.
type grid struct {
	base                                uintptr
	imageStride, rowStride, pixelStride int
	height, width                       int     // of an image, in pixels
	rows, columns                       int     // of the grid on it
	stepY, stepX                        int     // pixels from one grid point to the next
	outside                             uintptr // the row of a point that is not on the image
	images                              int     // if not 0, a point's images, so many, follow each other, and then those of the next
}

// tap shifts a grid by a whole number of pixels; a convolution has one for each position in its kernel.
type tap struct {
	y, x   int
	weight int // offset of the tap's first weight, in bytes
}

// matrixGrid is the grid of the rows of a matrix.
func matrixGrid(base uintptr, rows, stride int) grid {
	return grid{base: base, pixelStride: stride, height: 1, width: rows, rows: 1, columns: max(1, rows), stepY: 1, stepX: 1}
}

// point is a place on a grid.
type point struct{ image, row, column int }

func (g *grid) point(i int) point {
	if g.images > 0 {
		position := i / g.images
		return point{i % g.images, position / g.columns, position % g.columns}
	}
	inImage := i % (g.rows * g.columns)
	return point{i / (g.rows * g.columns), inImage / g.columns, inImage % g.columns}
}

// inside reports whether p, shifted by t, is on the image.
func (g *grid) inside(p point, t tap) bool {
	return uint(p.row*g.stepY+t.y) < uint(g.height) && uint(p.column*g.stepX+t.x) < uint(g.width)
}

// addresses fills table with the addresses of the grid's rows from p on, shifted by t.
func (g *grid) addresses(table []uintptr, p point, t tap) {
	if g.images > 0 {
		g.imageAddresses(table, p, t)
		return
	}
	for len(table) > 0 {
		n := min(len(table), g.columns-p.column)
		run := table[:n]
		y := p.row*g.stepY + t.y
		if uint(y) >= uint(g.height) {
			for i := range run {
				run[i] = g.outside
			}
		} else {
			x := p.column*g.stepX + t.x
			at := g.base + uintptr(p.image*g.imageStride+y*g.rowStride+x*g.pixelStride)
			step := uintptr(g.stepX * g.pixelStride)
			if x >= 0 && x+(n-1)*g.stepX < g.width {
				for i := range run {
					run[i] = at
					at += step
				}
			} else {
				for i := range run {
					run[i] = at
					if uint(x) >= uint(g.width) {
						run[i] = g.outside
					}
					at += step
					x += g.stepX
				}
			}
		}
		table = table[n:]
		p.column = 0
		if p.row++; p.row == g.rows {
			p.row = 0
			p.image++
		}
	}
}

// imageAddresses is addresses where the images of a point follow each other.
func (g *grid) imageAddresses(table []uintptr, p point, t tap) {
	for len(table) > 0 {
		n := min(len(table), g.images-p.image)
		at, step := g.outside, 0
		if g.inside(p, t) {
			y, x := p.row*g.stepY+t.y, p.column*g.stepX+t.x
			at, step = g.base+uintptr(p.image*g.imageStride+y*g.rowStride+x*g.pixelStride), g.imageStride
		}
		for i := range table[:n] {
			table[i] = at
			at += uintptr(step)
		}
		table, p.image = table[n:], 0
		if p.column++; p.column == g.columns {
			p.column, p.row = 0, p.row+1
		}
	}
}
