package dalle

import (
	"math"

	"github.com/bestiary-ml/bestiary/tensor"
)

// deviceDraw draws codes where their logits are, so that the program needn't wait for each before it asks for the next one. The
// numbers drawn are those of sampler, and so is the rule.
type deviceDraw struct {
	how     tensor.Draw
	uniform *tensor.Tensor // ints [cells, pictures, 2]: a number of 53 bits for each code, of those to be drawn
	codes   *tensor.Tensor // ints [cells, rows]
	places  *tensor.Tensor // [cells, Dim]: learned positions, or nil
	drawn   int            // cells that have codes
	known   int            // and those that Generate has been told of
}

// newDeviceDraw returns nil where the device or the way to sample isn't one for that.
func (m *DALLE) newDeviceDraw(pictures []Picture, s Sampling) *deviceDraw {
	if !m.device.Draws() || s.TopP > 0 && s.TopP < 1 || len(pictures) == 0 {
		return nil
	}
	cells, primed, rows := m.config.Cells(), len(pictures[0].Prime), len(pictures)
	words := make([]int32, 0, 2*cells*rows)
	for range cells {
		for _, p := range pictures {
			drawn := 0
			if s.Temperature != 0 && len(words)/2/rows >= primed {
				drawn = p.Random.Intn(1 << 53) // as uniform does
			}
			words = append(words, int32(drawn>>32), int32(drawn))
		}
	}
	d := &deviceDraw{
		how:     tensor.Draw{Temperature: s.Temperature, TopK: s.TopK, Guidance: s.Guidance, Twins: s.Guidance != 1},
		uniform: m.device.Ints(words, cells, rows, 2).Keep(), drawn: primed, known: primed,
	}
	if d.how.Twins {
		rows *= 2
	}
	d.codes = m.device.Ints(make([]int32, cells*rows), cells, rows).Keep()
	if m.rowPosition != nil {
		d.places = m.places(0, cells).Keep()
	}
	return d
}

// draw draws the codes of the next cell from logits [rows, 1, V].
func (d *deviceDraw) draw(logits *tensor.Tensor) {
	logits.Draw(d.how, d.uniform.Entries(d.drawn, d.drawn+1), d.codes.Entries(d.drawn, d.drawn+1))
	d.drawn++
}

// embed returns the vectors [rows, 1, Dim] of the codes of a cell.
func (d *deviceDraw) embed(m *DALLE, cell int) *tensor.Tensor {
	x := m.image.Forward(d.codes.Entries(cell, cell+1).Reshape(-1, 1))
	if d.places != nil {
		x = x.Add(d.places.Entries(cell, cell+1))
	}
	return x
}

// read waits for the codes that have been drawn since it was last called and appends them to those of each picture.
func (d *deviceDraw) read(codes [][]int32) error {
	rows := d.codes.Dim(1)
	for i, code := range d.codes.Entries(d.known, d.drawn).IntValues() {
		if i%rows >= len(codes) {
			continue // a twin's
		}
		switch code {
		case tensor.DrawnNaN:
			return answersError(math.NaN())
		case tensor.DrawnInfinite:
			return answersError(math.Inf(1))
		case tensor.DrawnNone:
			return errNothingLeft
		}
		codes[i%rows] = append(codes[i%rows], code)
	}
	d.known = d.drawn
	return nil
}
