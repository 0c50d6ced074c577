package sample

import (
	"context"
	"image"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/maskgit"
	"github.com/bestiary-ml/bestiary/nn/sampling"
)

// maskedGenerator is the generator that decodes masked codes in a few passes.
type maskedGenerator struct{ *maskgit.Model }

func (g maskedGenerator) name() string { return maskedName }

func (g maskedGenerator) text() textFormat {
	c := g.Config()
	return textFormat{c.TextTokens, c.TextLen, c.NullProb}
}

func (g maskedGenerator) agree(m *TextToImageModels) error {
	c := g.Config()
	return m.fitsCodes("MaskGIT", g.name(), c.Height, c.Width, c.ImageCodes)
}

func (g maskedGenerator) require(p *TextToImage) error { return p.RequireCodec() }

func (g maskedGenerator) sampling() sampling.Options {
	o := sampling.Default()
	if g.Config().NullProb > 0 {
		o.Guidance = 2
	}
	return o
}

func (g maskedGenerator) scratch() int {
	c := g.Config()
	t, n := c.Transformer, c.TextLen+c.Cells()
	return 2 * 4 * (n*(8*t.Dim+4*t.Heads*t.DimHead+3*t.Dim*t.FFMult) + 2*c.Cells()*c.ImageCodes)
}

func (g maskedGenerator) plan(p *TextToImage, o GenerateOptions) (plan, error) {
	solving := o.solving()
	solving.Steps = 0 // passes
	if err := solving.refuse(g.name()); err != nil {
		return nil, err
	}
	if err := refuse(g.name(), refused{"Tolerance", o.Tolerance, o.Tolerance != 0, "which has no differential equation to solve"}); err != nil {
		return nil, err
	}
	m := &maskedPlan{TextToImage: p, options: maskgit.DefaultOptions()}
	m.options.Sampling, m.options.Passes = *o.Sampling, o.Steps
	if o.Choice != nil {
		m.options.Choice = *o.Choice
	}
	var err error
	if m.options, err = m.options.Resolve(); err != nil {
		return nil, renamed(err, "Passes", "Steps")
	}
	m.picture = o.Prime
	m.keep, err = p.kept(o, p.Grid(), p.Grid())
	return m, err
}

// renamed returns a FieldError with another name of its field.
func renamed(err error, from, to string) error {
	if wrong, ok := err.(*fault.FieldError); ok && wrong.Field == from {
		again := *wrong
		again.Field = to
		return &again
	}
	return err
}

// maskedPlan is the plan of a maskedGenerator.
type maskedPlan struct {
	*TextToImage
	options maskgit.Options
	picture *image.NRGBA // of which a part is kept, or nil
	keep    []bool       // its cells that are kept
	known   []int32      // codes that every picture keeps, or nil, once they are encoded
}

func (m *maskedPlan) key() any { return m.options }

func (m *maskedPlan) prepare(ctx context.Context) (err error) {
	if m.picture == nil || m.known != nil {
		return nil
	}
	known, err := m.codes(ctx, m.pixels(m.picture))
	if err != nil {
		return err
	}
	for i, kept := range m.keep {
		if !kept {
			known[i] = maskgit.Masked
		}
	}
	m.known = known
	return nil
}

func (m *maskedPlan) units() int { return m.options.Passes }

func (m *maskedPlan) draw(ctx context.Context, pictures []Generated, requests []request, report func(state)) error {
	var all []maskgit.Picture
	for _, r := range requests {
		all = append(all, maskgit.Picture{Text: r.text, Known: r.own.(*maskedPlan).known, Random: r.random})
	}
	var pass maskgit.PassFunc
	if report != nil {
		pass = func(passes int, codes [][]int32) {
			report(state{units: passes, first: m.Grid(), codes: codes, images: func(ctx context.Context, from, to int) ([]*image.NRGBA, error) {
				return m.decode(ctx, slices.Concat(codes[from:to]...))
			}})
		}
	}
	codes, err := m.models.MaskGIT.Generate(ctx, all, m.options, pass)
	if err != nil {
		return err
	}
	return m.decodeInto(ctx, pictures, codes, m.options.Passes)
}
