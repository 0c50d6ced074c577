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

func (g maskedGenerator) plan(ctx context.Context, p *TextToImage, o GenerateOptions) (plan, error) {
	const passes = "which has no differential equation to solve"
	if err := refuse(g.name(), refused{"Solver", o.Solver, o.Solver != "", passes}, refused{"Tolerance", o.Tolerance, o.Tolerance != 0, passes}); err != nil {
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
	keep, err := p.kept(o, p.Grid(), p.Grid())
	if keep == nil || err != nil {
		return m, err
	}
	if m.known, err = p.codes(ctx, p.pixels(o.Prime)); err != nil {
		return nil, err
	}
	for i, kept := range keep {
		if !kept {
			m.known[i] = maskgit.Masked
		}
	}
	return m, nil
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
	known   []int32 // codes that every picture keeps, or nil
}

func (m *maskedPlan) units() int { return m.options.Passes }

func (m *maskedPlan) draw(ctx context.Context, pictures []Generated, requests []request, report func(state)) error {
	var all []maskgit.Picture
	for _, r := range requests {
		all = append(all, maskgit.Picture{Text: r.text, Known: m.known, Random: r.random})
	}
	var pass maskgit.PassFunc
	if report != nil {
		pass = func(passes int, codes [][]int32) {
			report(state{units: passes, first: m.Grid(), codes: codes, images: func(ctx context.Context) ([]*image.NRGBA, error) {
				return m.decode(ctx, slices.Concat(codes...))
			}})
		}
	}
	codes, err := m.models.MaskGIT.Generate(ctx, all, m.options, pass)
	if err != nil {
		return err
	}
	return m.decodeInto(ctx, pictures, codes, m.options.Passes)
}
