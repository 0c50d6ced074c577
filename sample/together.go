package sample

import (
	"context"
	"fmt"
)

// MaxTogether is the largest number of pictures that [TextToImage.GenerateTogether] draws together.
const MaxTogether = 16

// Together is one of the requests of [TextToImage.GenerateTogether].
type Together struct {
	Options GenerateOptions // without Batch and Rows
	Context context.Context // ends this request alone; nil: never
	// Partial is called with the state of the request, in a goroutine of its own and without any lock. A state that is not yet
	// reported when the next one comes is left out. It is not called after GenerateTogether has returned. It may be nil.
	Partial func(Partial)
	// Images is the number of states, evenly spread, in which pictures are decoded; 0: none, −1: all.
	Images int
}

// Partial is the state of a request while it is drawn.
type Partial struct {
	Done, Total int // rows of codes, passes or steps of all pictures of the request, see Rows
	// Pictures are those that are drawn at present, with Image as in [Rows.Images]; nil in a state without images.
	Pictures []Generated
}

// Outcome is what [TextToImage.GenerateTogether] returns for a request.
type Outcome struct {
	Pictures []Generated
	Err      error
}

// Estimate says before a request is drawn what it takes.
type Estimate struct {
	Key      string // requests with equal keys can be drawn together
	Pictures int    // to draw
	Bytes    int    // of memory, about
}

// Estimate checks the options, with the errors of Generate, and returns what drawing takes. It doesn't use the device.
func (p *TextToImage) Estimate(o GenerateOptions) (Estimate, error) {
	if p == nil {
		return Estimate{}, errNoPipeline
	}
	j, err := p.newJob(context.Background(), o)
	if err != nil {
		return Estimate{}, err
	}
	g, err := p.generator(o.Model)
	if err != nil {
		return Estimate{}, err
	}
	area, n := p.Size()*p.Size(), j.total()
	const decoded = 4 * 64 * 3 // bytes for each pixel of a decoder's widest layers
	return Estimate{
		Key:      fmt.Sprintf("%s %v", g.name(), j.plan.key()),
		Pictures: n,
		Bytes:    min(n, MaxTogether)*g.scratch() + area*decoded + 2*4*area*max(n, j.options.N),
	}, nil
}

// GenerateTogether draws requests with equal keys (see [TextToImage.Estimate]) up to [MaxTogether] pictures at a time,
// whichever request they belong to, and returns an outcome for each request. Each picture is the one that its request
// alone gives, to the bit. A request whose context ends, or that fails, leaves the others as they are.
//
// It takes the device for up to MaxTogether pictures at a time, so other callers get their turns in between.
func (p *TextToImage) GenerateTogether(ctx context.Context, requests []Together) []Outcome {
	outcomes := make([]Outcome, len(requests))
	if p == nil {
		for i := range outcomes {
			outcomes[i].Err = errNoPipeline
		}
		return outcomes
	}
	own := *p
	own.alone = true
	t := &joint{TextToImage: &own}
	for i, r := range requests {
		m := &member{Together: r, outcome: &outcomes[i]}
		if m.Context == nil {
			m.Context = ctx
		}
		if m.Partial != nil {
			m.mail = newMailbox(m.Partial)
			defer m.mail.close()
		}
		t.members = append(t.members, m)
	}
	t.begin(ctx)
	for _, part := range t.parts() {
		t.drawOrDivide(ctx, part)
	}
	for _, m := range t.members {
		if m.outcome.Err == nil {
			m.outcome.Pictures = m.chosen.pictures
		}
	}
	return outcomes
}
