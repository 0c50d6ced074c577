package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"time"
)

// Scale is by how much the sides of a large JPEG are divided while it is decoded.
const Scale = 8

// MaxScaled is the largest number of pixels of a JPEG that is scaled while it is decoded: cameras of 200 megapixels.
const MaxScaled = 256_000_000

// decodeScaled decodes a JPEG to an eighth of its width and height, rounded up. The DC coefficient of a block is the mean of
// its 8×8 pixels, so the other coefficients are skipped, and memory is a 64th of that of the whole picture. Baseline and
// progressive coding (ITU-T T.81), grey or YCbCr; a file that ends early is an error.
func decodeScaled(b []byte, deadline time.Time) (image.Image, error) {
	d := &scaled{deadline: deadline}
	var failed error
	segments(b, func(marker byte, content []byte) bool {
		switch {
		case marker >= 0xc0 && marker <= 0xc2:
			failed = d.frame(marker == 0xc2, content)
		case marker == 0xc4:
			failed = d.huffman(content)
		case marker == 0xdb:
			failed = d.quantization(content)
		case marker == 0xdd && len(content) >= 2:
			d.restart = int(big16(content))
		case marker == markerAPP14 && bytes.HasPrefix(content, []byte("Adobe")) && len(content) >= 12:
			d.rgb = content[11] == 0
		case marker == markerSOS:
			data := b[cap(b)-cap(content)+len(content):] // what follows the header
			failed = d.scan(content, data)
		}
		return failed == nil
	})
	if failed == nil && !d.scanned {
		failed = io.ErrUnexpectedEOF
	}
	if failed != nil {
		return nil, failed
	}
	return d.image(), nil
}

// component is a component of a frame.
type component struct {
	id, h, v, table byte
	width, height   int // blocks
	stride          int // blocks of whole MCUs in a row
	dc              []int32
	before          int32
}

// scaled is the state of decodeScaled.
type scaled struct {
	width, height int
	progressive   bool
	components    []component
	hMax, vMax    byte
	quantum       [4]int32 // of the DC coefficients
	tables        [2][4]*codes
	restart       int // MCUs; 0: none
	rgb           bool
	scanned       bool
	deadline      time.Time
}

var errSegment = errors.New("a JPEG with a damaged header")

func (d *scaled) frame(progressive bool, c []byte) error {
	if d.components != nil || len(c) < 6 || c[0] != 8 || len(c) < 6+3*int(c[5]) {
		return errSegment
	}
	d.progressive, d.height, d.width = progressive, int(big16(c[1:])), int(big16(c[3:]))
	if n := int(c[5]); n != 1 && n != 3 {
		return fmt.Errorf("a JPEG of %d×%d pixels with %d components, more than the %d million pixels we decode of that kind", d.width, d.height, n, MaxPixels/1_000_000)
	}
	for i := range int(c[5]) {
		own := component{id: c[6+3*i], h: c[7+3*i] >> 4, v: c[7+3*i] & 15, table: c[8+3*i]}
		if own.h < 1 || own.h > 4 || own.v < 1 || own.v > 4 || own.table > 3 {
			return errSegment
		}
		if c[5] == 1 {
			own.h, own.v = 1, 1 // they have no meaning for a single component
		}
		d.hMax, d.vMax = max(d.hMax, own.h), max(d.vMax, own.v)
		d.components = append(d.components, own)
	}
	columns, rows := d.mcus()
	for i := range d.components {
		own := &d.components[i]
		own.width = ceil(ceil(d.width*int(own.h), int(d.hMax)), 8)
		own.height = ceil(ceil(d.height*int(own.v), int(d.vMax)), 8)
		own.stride = columns * int(own.h)
		own.dc = make([]int32, own.stride*rows*int(own.v))
	}
	return nil
}

func ceil(a, b int) int { return (a + b - 1) / b }

// mcus is the number of MCUs in a row and in a column.
func (d *scaled) mcus() (columns, rows int) {
	return ceil(d.width, 8*int(d.hMax)), ceil(d.height, 8*int(d.vMax))
}

func (d *scaled) quantization(c []byte) error {
	for len(c) > 0 {
		precision, table := c[0]>>4, c[0]&15
		length := 64 << precision
		if precision > 1 || table > 3 || len(c) < 1+length {
			return errSegment
		}
		if d.quantum[table] = int32(c[1]); precision == 1 {
			d.quantum[table] = int32(big16(c[1:]))
		}
		c = c[1+length:]
	}
	return nil
}

// image converts the coefficients to pixels.
func (d *scaled) image() image.Image {
	width, height := ceil(d.width, Scale), ceil(d.height, Scale)
	value := func(c *component, x, y int) uint8 {
		x, y = x*int(c.h)/int(d.hMax), y*int(c.v)/int(d.vMax)
		dc := int(c.dc[min(y, c.height-1)*c.stride+min(x, c.width-1)]) * int(d.quantum[c.table])
		return uint8(min(max((dc+1028)>>3, 0), 255)) // a coefficient is 8 times the mean, whose zero is 128
	}
	if len(d.components) == 1 {
		m := image.NewGray(image.Rect(0, 0, width, height))
		for y := range height {
			for x := range width {
				m.Pix[y*m.Stride+x] = value(&d.components[0], x, y)
			}
		}
		return m
	}
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	c := d.components
	rgb := d.rgb || c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B'
	for y := range height {
		for x := range width {
			r, g, b := value(&c[0], x, y), value(&c[1], x, y), value(&c[2], x, y)
			if !rgb {
				r, g, b = color.YCbCrToRGB(r, g, b)
			}
			copy(m.Pix[y*m.Stride+4*x:], []uint8{r, g, b, 255})
		}
	}
	return m
}
