package dalle

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// deviceDraw samples codes on the device, where their logits are, so that the host needn't wait for a code before it
// queues the computation of the next one. Random numbers and tokens are those of sampling.Sampler.
type deviceDraw struct {
	how       sampling.OnDevice
	uniform   *tensor.Tensor // ints [cells, pictures, 2]: 53 random bits for each code
	codes     *tensor.Tensor // ints [cells, rows]
	positions *tensor.Tensor // [cells, Dim]: learned positions, or nil
	drawn     int            // cells that have codes
	known     int            // cells whose codes have been read
}

// newDeviceDraw returns nil if the device can't sample, or not with these options.
func (m *DALLE) newDeviceDraw(pictures []Picture, o sampling.Options) *deviceDraw {
	if !sampling.Available(m.device) || o.TopP > 0 && o.TopP < 1 || len(pictures) == 0 {
		return nil
	}
	cells, primed, rows := m.config.Cells(), len(pictures[0].Prime), len(pictures)
	words := make([]int32, 0, 2*cells*rows)
	for range cells {
		for _, p := range pictures {
			drawn := 0
			if o.Temperature != 0 && len(words)/2/rows >= primed {
				drawn = p.Random.Intn(1 << 53) // as sampling.Uniform does
			}
			words = append(words, int32(drawn>>32), int32(drawn))
		}
	}
	d := &deviceDraw{
		how:     sampling.OnDevice{Temperature: o.Temperature, TopK: o.TopK, Guidance: o.Guidance, Twins: o.Guidance != 1},
		uniform: m.device.Ints(words, cells, rows, 2).Keep(), drawn: primed, known: primed,
	}
	if d.how.Twins {
		rows *= 2
	}
	d.codes = m.device.Ints(make([]int32, cells*rows), cells, rows).Keep()
	if m.rowPosition != nil {
		d.positions = m.cellPositions(0, cells).Keep()
	}
	return d
}

// draw samples the codes of the next cell from logits [rows, 1, V].
func (d *deviceDraw) draw(logits *tensor.Tensor) {
	d.how.Draw(logits, engine.Entries(d.uniform, d.drawn, d.drawn+1), engine.Entries(d.codes, d.drawn, d.drawn+1))
	d.drawn++
}

// embed returns the vectors [rows, 1, Dim] of the codes of a cell.
func (d *deviceDraw) embed(m *DALLE, cell int) *tensor.Tensor {
	x := m.image.Forward(engine.Entries(d.codes, cell, cell+1).Reshape(-1, 1))
	if d.positions != nil {
		x = x.Add(engine.Entries(d.positions, cell, cell+1))
	}
	return x
}

// read waits for the codes sampled since the last call and appends them to the codes of each picture.
func (d *deviceDraw) read(codes [][]int32) error {
	rows := d.codes.Dim(1)
	for i, code := range engine.Entries(d.codes, d.known, d.drawn).IntValues() {
		if i%rows >= len(codes) {
			continue // the row of a picture without its caption
		}
		switch code {
		case sampling.DrawnNaN:
			return &sampling.LogitsError{Logit: math.NaN()}
		case sampling.DrawnInfinite:
			return &sampling.LogitsError{Logit: math.Inf(1)}
		case sampling.DrawnNone:
			return &sampling.LogitsError{Logit: math.Inf(-1)}
		}
		codes[i%rows] = append(codes[i%rows], code)
	}
	d.known = d.drawn
	return nil
}
