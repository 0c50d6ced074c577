package gemm

import "slices"

// On small pictures much of a kernel lies outside: of a 4×4 kernel of stride 2 that makes 2×2 pixels, 7 of 16 positions
// for each of them. The rows of such a convolution's product are put in the order of pixels instead of images. Then the
// rows of a tile are the same pixel of some images, which all see the same part of the kernel, and the rest is left out.

const (
	// PositionImages is the number of images from which on tiles of a single pixel are high enough.
	PositionImages = 8
	// positionShare is the part of the kernel that must be inside at most, on average, for it to be worth it.
	positionShare = 0.9
)

// ByPosition reports whether so many images' rows are to be in the order of pixels, if so many of all pairs of a pixel and
// a position in the kernel meet on the image.
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

// InsideAxis counts the points on an axis, some pixels apart, that are on an image of that size when shifted.
func InsideAxis(points, step, shift, size int) (n int) {
	for i := range points {
		if uint(i*step+shift) < uint(size) {
			n++
		}
	}
	return n
}

// OrderRows has j's rows in the order of pixels, if that is worth it.
func (j *RowsJob) OrderRows(images int) {
	if j.A.worthOrdering(images, j.Taps) {
		j.A.images, j.C.images = images, images
	}
}

// OrderRows has the rows of j's A and B in the order of pixels, if that is worth it. B's images are so many bytes apart.
func (j *ColumnsJob) OrderRows(images, stride int) {
	if j.A.worthOrdering(images, j.Taps) {
		j.A.images, j.B.images, j.B.imageStride = images, images, stride
	}
}

// stretch finds the next rows of A before the end, from the first on, that a tap sees on the image, and whether they begin
// its sums. A tap that sees none at all takes all: somebody must write zeros.
func (j *ColumnsJob) stretch(t Tap, first, end int) (from, to int, begins bool) {
	inside := func(row int) bool { return j.A.inside(j.A.point(row), t) }
	next := func(row int, want bool) int { // the first row that is inside, or isn't
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

// group is the number of rows from m0 to m1 that are tiled together: those of a pixel, or all.
func (j *RowsJob) group(m0, m1 int) int {
	if j.A.images > 0 {
		return j.A.images
	}
	return max(1, m1-m0)
}

// stretch finds the next of j's taps, from the first on and before the end, that see rows of pixel p on the image, and
// whether they begin and finish the sums of these rows. Where no tap does, all are taken: somebody must write zeros.
func (j *RowsJob) stretch(p point, first, end int) (from, to int, begins, finishes bool) {
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
