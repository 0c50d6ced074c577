package picture

import (
	"errors"
	"time"
)

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
