package gemm

import "slices"

// On small images many taps of a kernel lie outside the image: with a 4×4 kernel, stride 2 and 2×2 outputs, 7 of 16 taps of each
// output. The rows of such a convolution are put in the order of pixels instead of images. Then the rows of a register tile are the
// same pixel of several images, so they have the same taps inside the image, and the other taps are skipped.

const (
	// PositionImages is the least number of images: a tile has rows of a single pixel only.
	PositionImages = 8
	// positionShare is the largest average part of the kernel inside the image for which the order of pixels pays.
	positionShare = 0.9
)

// ByPosition reports whether the order of pixels pays for this number of images, where inside of all pairs of an output pixel and a
// tap lie on the image.
func ByPosition(images, inside, all int) bool {
	return images >= PositionImages && float64(inside) < positionShare*float64(all)
}

// worthOrdering is ByPosition for the points of g.
func (g *Grid) worthOrdering(images int, taps []Tap) bool {
	inside := 0
	for _, t := range taps {
		inside += InsideAxis(g.Rows, g.StepY, t.Y, g.Height) * InsideAxis(g.Columns, g.StepX, t.X, g.Width)
	}
	return ByPosition(images, inside, g.Rows*g.Columns*len(taps))
}

// InsideAxis counts the points i·step + shift, i < points, that lie in [0, size).
func InsideAxis(points, step, shift, size int) (n int) {
	for i := range points {
		if uint(i*step+shift) < uint(size) {
			n++
		}
	}
	return n
}

// OrderRows puts the rows of j in the order of pixels, if that pays.
func (j *RowsJob) OrderRows(images int) {
	if j.A.worthOrdering(images, j.Taps) {
		j.A.images, j.C.images = images, images
	}
}

// OrderRows puts the rows of A and B in the order of pixels, if that pays. B's images are stride bytes apart.
func (j *ColumnsJob) OrderRows(images, stride int) {
	if j.A.worthOrdering(images, j.Taps) {
		j.A.images, j.B.images, j.B.imageStride = images, images, stride
	}
}

// nextRun finds the next run of rows in [first, end) at which a tap is inside the image, and whether it is the first of the tap.
// A tap that is always outside takes all rows, because C must be set to zero.
func (j *ColumnsJob) nextRun(t Tap, first, end int) (from, to int, begins bool) {
	inside := func(row int) bool { return j.A.inside(j.A.point(row), t) }
	next := func(row int, want bool) int { // the first row from row on that is inside, or outside
		for row < j.end && inside(row) != want {
			row += j.A.images - row%j.A.images
		}
		return min(row, j.end)
	}
	start := next(j.begin, true)
	if start == j.end {
		return first, end, first == j.begin
	}
	from = min(end, next(first, true))
	return from, min(end, next(from, false)), from == start
}

// group is the number of rows that are tiled together: those of a pixel, or all of m0 to m1.
func (j *RowsJob) group(m0, m1 int) int {
	if j.A.images > 0 {
		return j.A.images
	}
	return max(1, m1-m0)
}

// nextRun finds the next run of taps in [first, end) that are inside the image at point p, and whether it begins and finishes the
// sums of these rows. Where no tap is inside, it is all taps, because C must be set to zero.
func (j *RowsJob) nextRun(p point, first, end int) (from, to int, begins, finishes bool) {
	inside := func(t Tap) bool { return j.A.inside(p, t) }
	start := slices.IndexFunc(j.Taps, inside)
	if start < 0 {
		return first, end, first == 0, end == len(j.Taps)
	}
	for from = first; from < end && !inside(j.Taps[from]); from++ {
	}
	for to = from; to < end && inside(j.Taps[to]); to++ {
	}
	return from, to, from == start, !slices.ContainsFunc(j.Taps[to:], inside)
}
