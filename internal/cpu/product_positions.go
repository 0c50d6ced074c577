package cpu

import (
	"slices"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// On small pictures much of a kernel lies outside: of a 4×4 kernel of stride 2 that makes 2×2 pixels, 7 of 16 positions
// for each of them. The rows of such a convolution's product are put in the order of pixels instead of images. Then the
// rows of a tile are the same pixel of some images, which all see the same part of the kernel, and the rest is left out.

const (
	// positionImages is the number of images from which on tiles of a single pixel are high enough.
	positionImages = 8
	// positionShare is the part of the kernel that must be inside at most, on average, for it to be worth it.
	positionShare = 0.9
)

// byPosition reports whether so many images' rows are to be in the order of pixels, if so many of all pairs of a pixel and
// a position in the kernel meet on the image.
func byPosition(images, inside, all int) bool {
	return images >= positionImages && float64(inside) < positionShare*float64(all)
}

// worthOrdering is byPosition for the points of g.
func (g *grid) worthOrdering(images int, taps []tap) bool {
	inside := 0
	for _, t := range taps {
		inside += insideAxis(g.rows, g.stepY, t.y, g.height) * insideAxis(g.columns, g.stepX, t.x, g.width)
	}
	return byPosition(images, inside, g.rows*g.columns*len(taps))
}

// insideAxis counts the points on an axis, some pixels apart, that are on an image of that size when shifted.
func insideAxis(points, step, shift, size int) (n int) {
	for i := range points {
		if uint(i*step+shift) < uint(size) {
			n++
		}
	}
	return n
}

// directProducts is the number of products that a convolution takes for each pair of channels of an image, if it is
// computed directly.
func directProducts(c kernel.Conv) int {
	down, across := 0, 0
	for k := range c.KH {
		down += insideAxis(c.OH, c.StrideH, k*c.DilationH-c.PadH, c.H)
	}
	for k := range c.KW {
		across += insideAxis(c.OW, c.StrideW, k*c.DilationW-c.PadW, c.W)
	}
	if all := c.OH * c.OW * c.KH * c.KW; !byPosition(c.N, down*across, all) {
		return all
	}
	return down * across
}

// orderRows has j's rows in the order of pixels, if that is worth it.
func (j *rowsJob) orderRows(images int) {
	if j.a.worthOrdering(images, j.taps) {
		j.a.images, j.c.images = images, images
	}
}

// orderRows has the rows of j's A and B in the order of pixels, if that is worth it. B's images are so many bytes apart.
func (j *columnsJob) orderRows(images, stride int) {
	if j.a.worthOrdering(images, j.taps) {
		j.a.images, j.b.images, j.b.imageStride = images, images, stride
	}
}

// stretch finds the next rows of A before the end, from the first on, that a tap sees on the image, and whether they begin
// its sums. A tap that sees none at all takes all: somebody must write zeros.
func (j *columnsJob) stretch(t tap, first, end int) (from, to int, begins bool) {
	inside := func(row int) bool { return j.a.inside(j.a.point(row), t) }
	next := func(row int, want bool) int { // the first row that is inside, or isn't
		for row < j.end && inside(row) != want {
			row += j.a.images - row%j.a.images
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
func (j *rowsJob) group(m0, m1 int) int {
	if j.a.images > 0 {
		return j.a.images
	}
	return max(1, m1-m0)
}

// stretch finds the next of j's taps, from the first on and before the end, that see rows of pixel p on the image, and
// whether they begin and finish the sums of these rows. Where no tap does, all are taken: somebody must write zeros.
func (j *rowsJob) stretch(p point, first, end int) (from, to int, begins, finishes bool) {
	inside := func(t tap) bool { return j.a.inside(p, t) }
	start := slices.IndexFunc(j.taps, inside)
	if start < 0 {
		return first, end, first == 0, end == len(j.taps)
	}
	for from = first; from < end && !inside(j.taps[from]); from++ {
	}
	for to = from; to < end && inside(j.taps[to]); to++ {
	}
	return from, to, from == start, !slices.ContainsFunc(j.taps[to:], inside)
}
