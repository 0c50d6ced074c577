package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"math/bits"
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

// codes maps the next 16 bits to a symbol and the length of its code: symbol<<8 | length, or 0.
type codes [1 << 16]uint16

func (d *scaled) huffman(c []byte) error {
	for len(c) > 0 {
		if len(c) < 17 {
			return errSegment
		}
		class, table := c[0]>>4, c[0]&15
		counts, symbols := c[1:17], c[17:]
		if class > 1 || table > 3 {
			return errSegment
		}
		t := new(codes)
		next := 0
		for i, n := range counts {
			for range n {
				space := 1 << (15 - i)
				if len(symbols) == 0 || next+space > len(t) {
					return errSegment
				}
				for k := range space {
					t[next+k] = uint16(symbols[0])<<8 | uint16(i+1)
				}
				next, symbols = next+space, symbols[1:]
			}
		}
		d.tables[class][table], c = t, symbols
	}
	return nil
}

// part is a component in a scan.
type part struct {
	*component
	dcCodes, acCodes *codes
}

// scan decodes the DC coefficients of a scan, whose header is c and whose data begin b.
func (d *scaled) scan(c, b []byte) error {
	if len(c) < 1 || len(c) < 4+2*int(c[0]) || c[0] < 1 || c[0] > 4 || d.components == nil {
		return errSegment
	}
	n := int(c[0])
	start, high, low := c[1+2*n], c[3+2*n]>>4, c[3+2*n]&15
	if d.progressive && start > 0 {
		return nil // AC coefficients only
	}
	if low > 13 {
		return errSegment
	}
	var parts []part
	for i := range n {
		var own *component
		for k := range d.components {
			if d.components[k].id == c[1+2*i] {
				own = &d.components[k]
			}
		}
		td, ta := c[2+2*i]>>4, c[2+2*i]&15
		if own == nil || td > 3 || ta > 3 {
			return errSegment
		}
		p := part{own, d.tables[0][td], d.tables[1][ta]}
		if high == 0 && p.dcCodes == nil || !d.progressive && p.acCodes == nil {
			return errSegment
		}
		own.before = 0
		parts = append(parts, p)
	}
	r := &bitReader{b: b}
	columns, rows := d.mcus()
	if n == 1 {
		columns, rows = parts[0].width, parts[0].height
	}
	mcu := 0
	for y := range rows {
		if !d.deadline.IsZero() && time.Now().After(d.deadline) {
			return errors.New("decoding takes too long")
		}
		for x := range columns {
			if d.restart > 0 && mcu > 0 && mcu%d.restart == 0 {
				if err := r.restart(); err != nil {
					return err
				}
				for _, p := range parts {
					p.before = 0
				}
			}
			mcu++
			for _, p := range parts {
				h, v := int(p.h), int(p.v)
				if n == 1 {
					h, v = 1, 1
				}
				for k := range h * v {
					at := (y*v+k/h)*p.stride + x*h + k%h
					if err := d.block(r, p, &p.dc[at], high, low); err != nil {
						return err
					}
				}
			}
		}
	}
	d.scanned = true
	return nil
}

// block decodes a block.
func (d *scaled) block(r *bitReader, p part, dc *int32, high, low byte) error {
	if high > 0 { // one more bit
		bit, err := r.take(1)
		*dc |= bit << low
		return err
	}
	size, err := r.symbol(p.dcCodes)
	if err != nil {
		return err
	}
	if size > 15 {
		return errCode
	}
	difference, err := r.take(int(size))
	if err != nil {
		return err
	}
	if size > 0 && difference < 1<<(size-1) {
		difference += -1<<size + 1
	}
	p.before += difference
	*dc = p.before << low
	if d.progressive {
		return nil
	}
	for k := 1; k < 64; k++ {
		s, err := r.symbol(p.acCodes)
		if err != nil {
			return err
		}
		switch {
		case s == 0: // the rest is zero
			return nil
		case s&15 == 0:
			k += 15
		default:
			k += int(s >> 4)
			if _, err := r.take(int(s & 15)); err != nil {
				return err
			}
		}
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

// bitReader reads the entropy-coded data of a scan.
type bitReader struct {
	b    []byte
	bits uint64
	n    int
}

var errCode = errors.New("a JPEG with damaged pixels")

// fill reads until there are 32 bits, or the data of the scan end.
func (r *bitReader) fill() {
	for r.n <= 48 && len(r.b) > 0 {
		next := r.b[0]
		if next == 0xff {
			if len(r.b) < 2 || r.b[1] != 0 {
				return // a marker
			}
			r.b = r.b[1:] // the zero is stuffed
		}
		r.b = r.b[1:]
		r.bits, r.n = r.bits<<8|uint64(next), r.n+8
	}
}

// take reads n bits, at most 16.
func (r *bitReader) take(n int) (int32, error) {
	if n == 0 {
		return 0, nil
	}
	if r.n < n {
		if r.fill(); r.n < n {
			return 0, io.ErrUnexpectedEOF
		}
	}
	r.n -= n
	return int32(r.bits >> r.n & (1<<n - 1)), nil
}

// symbol reads a Huffman code.
func (r *bitReader) symbol(t *codes) (byte, error) {
	if r.n < 16 {
		r.fill()
	}
	var next uint16
	if r.n >= 16 {
		next = uint16(r.bits >> (r.n - 16))
	} else {
		next = uint16(r.bits << (16 - r.n)) // the end of the data
	}
	found := t[next]
	length := int(found & 0xff)
	switch {
	case length == 0 && r.n < 16, length > r.n:
		return 0, io.ErrUnexpectedEOF
	case length == 0:
		return 0, errCode
	}
	r.n -= length
	return byte(found >> 8), nil
}

// restart skips the rest of a byte and a restart marker.
func (r *bitReader) restart() error {
	r.bits, r.n = 0, 0
	for len(r.b) > 1 && r.b[1] == 0xff { // fill bytes
		r.b = r.b[1:]
	}
	if len(r.b) < 2 || r.b[0] != 0xff || bits.LeadingZeros8(r.b[1]^0xd0) < 5 {
		return errCode
	}
	r.b = r.b[2:]
	return nil
}
