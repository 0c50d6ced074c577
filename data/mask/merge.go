package mask

import "fmt"

// cursor walks along the runs of a mask. It steps over empty ones, which encodings of other programs may have.
type cursor struct {
	counts []uint32 // of the runs that follow
	left   uint32   // pixels of this run
	set    bool
}

func (r RLE) cursor() *cursor {
	c := &cursor{counts: r.counts, set: true}
	c.advance(0)
	return c
}

// advance goes n pixels on, at most to the next run.
func (c *cursor) advance(n uint32) {
	c.left -= n
	for c.left == 0 && len(c.counts) > 0 {
		c.left, c.counts, c.set = c.counts[0], c.counts[1:], !c.set
	}
}

// both yields the common runs of two masks of a size: their length, and whether they are set in the first and in the second.
func both(a, b RLE) func(yield func(n uint32, in [2]bool) bool) {
	return func(yield func(n uint32, in [2]bool) bool) {
		x, y := a.cursor(), b.cursor()
		for n := min(x.left, y.left); n > 0; n = min(x.left, y.left) {
			if !yield(n, [2]bool{x.set, y.set}) {
				return
			}
			x.advance(n)
			y.advance(n)
		}
	}
}

func (r RLE) sameSize(other RLE) error {
	if r.width != other.width || r.height != other.height {
		return fmt.Errorf("masks of %d×%d and of %d×%d pixels can't be combined; give masks of one picture", r.width, r.height, other.width, other.height)
	}
	return nil
}

// Union returns the pixels that are set in any of the masks: pycocotools' merge. Masks of different sizes are an error.
func Union(masks ...RLE) (RLE, error) {
	return merge(masks, func(in [2]bool) bool { return in[0] || in[1] })
}

// Intersection returns the pixels that are set in all of the masks: pycocotools' merge with intersect. Masks of different sizes
// are an error.
func Intersection(masks ...RLE) (RLE, error) {
	return merge(masks, func(in [2]bool) bool { return in[0] && in[1] })
}

func merge(masks []RLE, keep func(in [2]bool) bool) (RLE, error) {
	if len(masks) == 0 {
		return RLE{}, nil
	}
	merged := masks[0]
	for _, m := range masks[1:] {
		if err := merged.sameSize(m); err != nil {
			return RLE{}, err
		}
		b := newBuilder()
		for n, in := range both(merged, m) {
			b.run(keep(in), n)
		}
		merged.counts = b.counts
	}
	return merged, nil
}

// IoU returns the intersection over union of a detection and an object, 0 to 1. With crowd, it is the intersection over the area
// of the detection, as the detection may be one of the objects of the crowd. That of empty masks is 0. Masks of different sizes
// are an error.
func IoU(detection, object RLE, crowd bool) (float64, error) {
	if err := detection.sameSize(object); err != nil {
		return 0, err
	}
	inter, union := 0, 0
	for n, in := range both(detection, object) {
		if in[0] || in[1] {
			union += int(n)
		}
		if in[0] && in[1] {
			inter += int(n)
		}
	}
	switch {
	case inter == 0:
		return 0, nil
	case crowd:
		return float64(inter) / float64(detection.Area()), nil
	}
	return float64(inter) / float64(union), nil
}
