package main

import (
	"context"
	"image"
	"io"
	"testing"

	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

// Each generator is measured with its own scale of guidance, unless --guidance gives one to all that have any.
func TestMeasuredGuidance(t *testing.T) {
	for _, test := range []struct {
		flags    []string
		own      float64 // of the generator; 0: it has no guidance
		compared bool
		want     float64
	}{
		{nil, 3, false, 3},
		{nil, 3, true, 3},
		{nil, 0, false, 1},
		{[]string{"--guidance=1"}, 3, false, 1},
		{[]string{"--guidance=0"}, 3, false, 0},
		{[]string{"--guidance=5"}, 3, true, 5},
		{[]string{"--guidance=5"}, 0, true, 1},
		{[]string{"--guidance=5"}, 0, false, 5}, // which the generator refuses
		{[]string{"--temperature=0.5"}, 2, true, 2},
	} {
		c := &cobra.Command{}
		c.SetErr(io.Discard)
		q := addQualityFlags(c)
		if err := c.ParseFlags(test.flags); err != nil {
			t.Fatal(err)
		}
		var drawn sample.DrawOptions
		g := &sample.Generator{Guidance: test.own, Draw: func(_ context.Context, _ []sample.Request, o sample.DrawOptions) ([]*image.NRGBA, error) {
			drawn = o
			return nil, nil
		}}
		q.adapt(c, g, test.compared)
		if _, err := g.Draw(t.Context(), nil, sample.DrawOptions{Sampling: &q.sampling}); err != nil {
			t.Fatal(err)
		}
		if drawn.Sampling.Guidance != test.want || drawn.Sampling.Temperature != q.sampling.Temperature {
			t.Errorf("%v, own guidance %v, compared %v: drawn with %+v, want guidance %v", test.flags, test.own, test.compared, *drawn.Sampling, test.want)
		}
	}
}
