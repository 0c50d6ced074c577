package sample

import (
	"cmp"
	"context"
	"image"
	"slices"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn/sampling"
)

// The names of the generators.
var dalleName, maskedName, rectifiedName = models.DALLE.Name, models.MaskGIT.Name, models.Rectified.Name

// dalleGenerator is the generator that continues captions with codes, row by row.
type dalleGenerator struct{ *dalle.DALLE }

func (g dalleGenerator) name() string { return dalleName }

func (g dalleGenerator) text() textFormat {
	c := g.Config()
	return textFormat{c.TextTokens, c.TextLen, c.NullProb}
}

func (g dalleGenerator) agree(m *TextToImageModels) error {
	c := g.Config()
	return m.fitsCodes("DALLE", g.name(), c.Height, c.Width, c.ImageCodes)
}

func (g dalleGenerator) require(p *TextToImage) error { return p.RequireCodec() }

func (g dalleGenerator) sampling() sampling.Options { return sampling.Default() }

// fitsCodes returns a FieldError if a generator of height·width codes doesn't fit the codec.
func (m *TextToImageModels) fitsCodes(field, name string, height, width, codes int) error {
	if m.Codec == nil {
		return nil
	}
	if c := m.Codec; codes != c.CodebookSize() || height != c.Grid() || width != c.Grid() {
		return fault.Field(field, nil, "the %s draws %d×%d of %d codes, the %s has %d×%d of %d", name, height, width, codes, models.CodecName(c), c.Grid(), c.Grid(), c.CodebookSize())
	}
	return nil
}

func (g dalleGenerator) scratch() int {
	c := g.Config()
	t, n := c.Transformer, c.TextLen+c.Cells()
	cached := t.Depth * n * (2*t.Heads*t.DimHead + 2*t.Dim)
	prefilled := n * (8*t.Dim + 4*t.Heads*t.DimHead + 3*t.Dim*t.FFMult)
	return 2 * 4 * (cached + prefilled) // twice for guidance
}

func (g dalleGenerator) plan(p *TextToImage, o GenerateOptions) (plan, error) {
	const rows = "which draws row by row"
	if err := refuse(g.name(),
		refused{"Repaint", nil, o.Repaint != image.Rectangle{}, rows + " and can only continue the upper part of a picture"},
		refused{"Choice", nil, o.Choice != nil, rows}, refused{"Tolerance", o.Tolerance, o.Tolerance != 0, rows},
	); err != nil {
		return nil, err
	}
	if err := o.solving().refuse(g.name()); err != nil {
		return nil, err
	}
	d := &dallePlan{TextToImage: p, sampling: *o.Sampling, picture: o.Prime}
	keep, err := p.kept(o, p.Grid(), p.Grid())
	d.primed = max(0, slices.Index(keep, false))
	return d, err
}

// kept returns which of height·width cells are kept from the picture of Prime; nil without one.
func (p *TextToImage) kept(o GenerateOptions, height, width int) ([]bool, error) {
	if o.Prime == nil {
		return nil, nil
	}
	if err := checkImage("Prime", o.Prime, p.Size()); err != nil {
		return nil, err
	}
	keep := make([]bool, height*width)
	if o.Repaint == (image.Rectangle{}) {
		if err := checkPrimeRows(o.PrimeRows, height); err != nil {
			return nil, err
		}
		rows := cmp.Or(o.PrimeRows, max(1, height*7/16))
		for i := range rows * width {
			keep[i] = true
		}
		return keep, nil
	}
	size := p.Size()
	if o.Repaint.Empty() || !o.Repaint.In(image.Rect(0, 0, size, size)) {
		return nil, fault.Field("Repaint", o.Repaint, "must be a rectangle within the picture, which has %d×%d pixels", size, size)
	}
	for i := range keep {
		row, column := i/width, i%width
		cell := image.Rect(column*size/width, row*size/height, (column+1)*size/width, (row+1)*size/height)
		keep[i] = !cell.Overlaps(o.Repaint)
	}
	if !slices.Contains(keep, true) {
		return nil, fault.Field("Repaint", o.Repaint, "leaves nothing of the picture; choose a smaller rectangle, or leave out Prime")
	}
	return keep, nil
}

// dallePlan is the plan of a dalleGenerator.
type dallePlan struct {
	*TextToImage
	sampling sampling.Options
	picture  *image.NRGBA // to begin with, or nil
	primed   int          // number of its codes to begin with
	prime    []int32      // these, once they are encoded
}

func (d *dallePlan) units() int { return d.Grid() - d.primed/d.Grid() }

func (d *dallePlan) key() any {
	if sampling.Available(d.device) { // a device samples all pictures alike
		return []any{d.primed, d.sampling}
	}
	return d.primed
}

func (d *dallePlan) prepare(ctx context.Context) error {
	if d.picture == nil || d.prime != nil {
		return nil
	}
	codes, err := d.codes(ctx, d.pixels(d.picture))
	if err == nil {
		d.prime = codes[:d.primed]
	}
	return err
}

func (d *dallePlan) draw(ctx context.Context, pictures []Generated, requests []request, report func(state)) error {
	var all []dalle.Picture
	for _, r := range requests {
		own := r.own.(*dallePlan)
		all = append(all, dalle.Picture{Text: r.text, Prime: own.prime, Random: r.random, Sampling: &own.sampling})
	}
	var row dalle.RowFunc
	if report != nil {
		row = func(rows int, codes [][]int32) {
			report(state{units: rows - d.primed/d.Grid(), first: rows, codes: codes, images: func(ctx context.Context, from, to int) ([]*image.NRGBA, error) {
				return d.upper(ctx, codes[from:to], rows)
			}})
		}
	}
	codes, err := d.models.DALLE.Generate(ctx, all, d.sampling, row)
	if err != nil {
		return err
	}
	return d.decodeInto(ctx, pictures, codes, d.cells()-d.primed)
}

// decodeInto sets the codes of pictures, their images, and the number of evaluations.
func (p *TextToImage) decodeInto(ctx context.Context, pictures []Generated, codes [][]int32, evaluations int) error {
	images, err := p.decode(ctx, slices.Concat(codes...))
	if err != nil {
		return err
	}
	for i := range pictures {
		pictures[i].Codes, pictures[i].Image, pictures[i].Evaluations = codes[i], images[i], evaluations
	}
	return nil
}

// upper decodes the first rows of pictures; the rest of each is transparent.
func (p *TextToImage) upper(ctx context.Context, codes [][]int32, rows int) ([]*image.NRGBA, error) {
	grid, cells := p.Grid(), p.cells()
	var all []int32
	for _, own := range codes {
		all = append(all, own...)
		for len(all)%cells != 0 { // convolutions look beyond the last row; repeating that row disturbs it least
			all = append(all, all[len(all)-grid])
		}
	}
	images, err := p.decode(ctx, all)
	for _, img := range images {
		clear(img.Pix[rows*(p.Size()/grid)*img.Stride:])
	}
	return images, err
}
