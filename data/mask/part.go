package mask

import "fmt"

// FromPart returns the mask of a picture of width×height pixels in which nothing is set but in a part: the pixels, [rows, columns], that
// are not 0, of the part whose upper left one is at left, top. It is an error unless there are columns·rows pixels and the part is within
// the picture.
func FromPart(pixels []uint8, left, top, columns, rows, width, height int) (RLE, error) {
	if err := checkSize(width, height); err != nil {
		return RLE{}, err
	}
	if left < 0 || top < 0 || columns < 0 || rows < 0 || columns > width-left || rows > height-top {
		return RLE{}, fmt.Errorf("the part of %d×%d pixels at %d, %d is not within %d×%d; clip it", columns, rows, left, top, width, height)
	}
	if len(pixels) != columns*rows {
		return RLE{}, fmt.Errorf("there are %d pixels, and not %d×%d = %d; give one byte a pixel", len(pixels), columns, rows, columns*rows)
	}
	b := newBuilder()
	b.run(false, uint32(left*height))
	for x := range columns {
		b.run(false, uint32(top))
		for y := range rows {
			b.run(pixels[y*columns+x] != 0, 1)
		}
		b.run(false, uint32(height-top-rows))
	}
	b.run(false, uint32((width-left-columns)*height))
	return RLE{width, height, b.counts}, nil
}
