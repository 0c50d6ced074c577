package main

import (
	"context"
	"errors"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// namedGenerator splits the RUN:MODEL of a flag or an argument; model is "" if it is a RUN alone. A colon may also belong
// to the path of a run.
func namedGenerator(name string) (run, model string) {
	if at := strings.LastIndexByte(name, ':'); at > 0 {
		if there, err := sample.Generators(name[:at]); err == nil && len(there) > 0 {
			return name[:at], name[at+1:]
		}
	}
	return name, ""
}

// openNamedGenerator loads the generator that RUN or RUN:MODEL names. If RUN holds several, or MODEL is none, the error
// lists those of the run.
func openNamedGenerator(ctx context.Context, name string, d *tensor.Device) (*sample.Generator, error) {
	run, model := namedGenerator(name)
	g, err := sample.OpenGenerator(ctx, run, model, d)
	var wrong *fault.FieldError
	if errors.As(err, &wrong) && wrong.Field == "Model" {
		there, _ := sample.Generators(run) // OpenGenerator has read them
		what := "holds several generators"
		if model != "" {
			what = "has no generator " + model
		}
		return nil, usagef("%s: %s; write %s:%s", run, what, run, strings.Join(there, " or "+run+":"))
	}
	return g, err
}

// ownCLIP loads the CLIP of a generator's run, the default of --clip. It is nil if the run has none, or if the generator
// draws classes, which are no prompts to find.
func ownCLIP(ctx context.Context, g *sample.Generator, d *tensor.Device) (*sample.TextToImage, error) {
	if r, err := runfolder.Open(g.Run); err != nil || g.Classes != nil || !r.HasWeights(models.CLIP.Name) {
		return nil, nil // a run that can't be read has been refused before
	}
	return sample.OpenTextToImage(ctx, g.Run, d)
}
