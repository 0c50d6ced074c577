package mask

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

// RLE is a binary mask in COCO's run-length encoding: the numbers of pixels that are not set and that are set, in turn, column
// after column. The first number is of pixels that are not set, and may be 0. The zero value is a mask without pixels. A mask is
// not changed once it is made.
type RLE struct {
	width, height int
	counts        []uint32 // their sum is width·height
}

// checkSize returns a [*fault.FieldError] unless a mask may have this size.
func checkSize(width, height int) error {
	if width < 1 || height < 1 || width > data.MaxPixels || height > data.MaxPixels/width {
		return fault.Field("Size", [2]int{width, height}, "must be 1 or more, and at most %d pixels in all", data.MaxPixels)
	}
	return nil
}

// FromCounts returns a mask of counts, COCO's uncompressed form. They are copied. It is an error unless their sum is
// width·height.
func FromCounts(width, height int, counts []uint32) (RLE, error) {
	if err := checkSize(width, height); err != nil {
		return RLE{}, err
	}
	sum := uint64(0)
	for _, n := range counts {
		if sum += uint64(n); sum > uint64(width*height) {
			break
		}
	}
	if sum != uint64(width*height) {
		return RLE{}, fmt.Errorf("the counts have the sum %s, and not %d×%d = %d; correct the size or the counts", atLeast(sum, width*height), width, height, width*height)
	}
	return RLE{width, height, append([]uint32(nil), counts...)}, nil
}

// atLeast writes a sum, of which no more is known than that it exceeds most, if it does.
func atLeast(sum uint64, most int) string {
	if sum > uint64(most) {
		return fmt.Sprintf("%d or more", sum)
	}
	return fmt.Sprint(sum)
}

// FromPixels returns the mask of the pixels, [height, width], that are not 0. It is an error unless there are width·height.
func FromPixels(pixels []uint8, width, height int) (RLE, error) {
	if err := checkSize(width, height); err != nil {
		return RLE{}, err
	}
	if len(pixels) != width*height {
		return RLE{}, fmt.Errorf("there are %d pixels, and not %d×%d = %d; give one byte a pixel", len(pixels), width, height, width*height)
	}
	b := newBuilder()
	for x := range width {
		for y := range height {
			b.run(pixels[y*width+x] != 0, 1)
		}
	}
	return RLE{width, height, b.counts}, nil
}

// Size returns the width and height in pixels.
func (r RLE) Size() (width, height int) { return r.width, r.height }

// Counts returns a copy of the counts.
func (r RLE) Counts() []uint32 { return append([]uint32(nil), r.counts...) }

// Pixels returns the mask as zeros and ones, [height, width].
func (r RLE) Pixels() []uint8 {
	pixels := make([]uint8, r.width*r.height)
	for run := range r.runs() {
		x, y := run[0]/r.height, run[0]%r.height
		for range run[1] - run[0] {
			pixels[y*r.width+x] = 1
			if y++; y == r.height {
				x, y = x+1, 0
			}
		}
	}
	return pixels
}

// runs yields the first pixel of each run of pixels that are set, and that behind it, counted column after column.
func (r RLE) runs() func(yield func([2]int) bool) {
	return func(yield func([2]int) bool) {
		at := 0
		for i, n := range r.counts {
			if i%2 == 1 && n > 0 && !yield([2]int{at, at + int(n)}) {
				return
			}
			at += int(n)
		}
	}
}

// Area returns the number of pixels that are set.
func (r RLE) Area() int {
	area := 0
	for i := 1; i < len(r.counts); i += 2 {
		area += int(r.counts[i])
	}
	return area
}

// Bounds returns the smallest box around the pixels that are set, from x0, y0 up to before x1, y1; zeros if there are none.
func (r RLE) Bounds() (x0, y0, x1, y1 int) {
	x0, y0 = r.width, r.height
	for run := range r.runs() {
		last := run[1] - 1
		from, to := run[0]/r.height, last/r.height
		top, bottom := run[0]%r.height, last%r.height
		if from < to {
			top, bottom = 0, r.height-1
		}
		x0, y0, x1, y1 = min(x0, from), min(y0, top), max(x1, to+1), max(y1, bottom+1)
	}
	if x1 == 0 {
		return 0, 0, 0, 0
	}
	return x0, y0, x1, y1
}

// builder collects the counts of a mask, pixel after pixel.
type builder struct {
	counts []uint32
	set    bool // what the last count is of
}

func newBuilder() *builder { return &builder{counts: []uint32{0}} }

// run adds n pixels.
func (b *builder) run(set bool, n uint32) {
	if n > 0 && set != b.set {
		b.counts, b.set = append(b.counts, 0), set
	}
	b.counts[len(b.counts)-1] += n
}
