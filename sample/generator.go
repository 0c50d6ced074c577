package sample

import (
	"context"
	"fmt"
	"image"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Generator is what package eval and comparisons need of a generator, whatever its pipeline.
type Generator struct {
	Model    string           // name of its kind: "flow"
	Run      string           // path of the run folder; "" for models in memory
	Size     int              // side of the pictures in pixels
	Channels int              // 3: RGB, 4: RGBA
	Data     data.Description // of the pictures that it was trained on
	Classes  []string         // what it draws pictures of; nil if it draws for prompts
	Guidance float64          // classifier-free guidance scale of its default options; 0: it has no guidance
	// Draw returns a picture for each request, in their order and without choosing among several.
	Draw func(ctx context.Context, requests []Request, o DrawOptions) ([]*image.NRGBA, error)
	// LogDensity returns ln p(x | class) in nats, up to a term that is the same for all classes, [classes][N], of pictures
	// with pixels [N, S, S, C]. It is nil for a generator without densities.
	LogDensity func(ctx context.Context, pixels []uint8) ([][]float64, error)
	// Reconstruct encodes and decodes pictures with pixels [N, S, S, C]. It is nil for a generator without an encoder.
	Reconstruct func(ctx context.Context, pixels []uint8) ([]*image.NRGBA, error)
}

// Request is what a picture is to show.
type Request struct {
	Class  int    // index into Classes
	Prompt string // for a generator without Classes
}

// DrawOptions say how a Generator draws. A picture depends on the seed, its request and the number of equal requests
// before it.
type DrawOptions struct {
	Seed     uint64
	Sampling *sampling.Options     // nil is the default of the generator
	Solving  Solving               // of a rectified flow; others return an error for one that isn't zero
	Progress func(done, total int) // after each batch; may be nil
}

// ClassRequests returns requests for pictures of classes by name. An unknown name is a [*fault.FieldError].
func (g *Generator) ClassRequests(names ...string) ([]Request, error) {
	all := make([]Request, len(names))
	for i, name := range names {
		if all[i].Class = slices.Index(g.Classes, name); all[i].Class < 0 {
			return nil, fault.Field("Class", name, "must be one of %s", strings.Join(g.Classes, ", "))
		}
	}
	return all, nil
}

// ForClasses returns a generator whose prompts are names of classes as one that draws classes, so that it is measured and compared
// like a flow. It returns others as they are.
func (g *Generator) ForClasses() *Generator {
	if g.Classes != nil || !g.Data.NamesAsCaptions() || len(g.Data.Classes) == 0 {
		return g
	}
	classes := *g
	classes.Classes = g.Data.Classes
	classes.Draw = func(ctx context.Context, requests []Request, o DrawOptions) ([]*image.NRGBA, error) {
		prompts := slices.Clone(requests)
		for i, r := range prompts {
			prompts[i] = Request{Prompt: data.ClassCaption(classes.Classes[r.Class])}
		}
		return g.Draw(ctx, prompts, o)
	}
	return &classes
}

// openGenerator opens the generator of a kind in a run folder.
type openGenerator func(ctx context.Context, dir string, d *tensor.Device) (*Generator, error)

// generators are the kinds of generators that OpenGenerator knows, in order.
var generators = []struct {
	model string
	open  openGenerator
}{
	{models.Flow.Name, func(ctx context.Context, dir string, d *tensor.Device) (*Generator, error) {
		return generatorOf(OpenFlowModel(ctx, dir, models.Flow.Name, d))
	}},
	{models.TarFlow.Name, func(ctx context.Context, dir string, d *tensor.Device) (*Generator, error) {
		return generatorOf(OpenFlowModel(ctx, dir, models.TarFlow.Name, d))
	}},
	{models.DALLE.Name, openTextGenerator(models.DALLE.Name)},
	{models.MaskGIT.Name, openTextGenerator(models.MaskGIT.Name)},
	{models.Rectified.Name, openTextGenerator(models.Rectified.Name)},
}

func generatorOf[P interface{ Generator() (*Generator, error) }](p P, err error) (*Generator, error) {
	if err != nil {
		return nil, err
	}
	return p.Generator()
}

// RegisterGenerator adds a kind of generators that [OpenGenerator] opens by the name of its model in run folders. Call it
// while the program is initialised.
func RegisterGenerator(model string, open func(ctx context.Context, dir string, d *tensor.Device) (*Generator, error)) {
	generators = append(generators, struct {
		model string
		open  openGenerator
	}{model, open})
}

// Generators returns the names of the generators that a run folder holds.
func Generators(dir string) (names []string, err error) {
	r, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	for _, kind := range generators {
		if r.HasWeights(kind.model) {
			names = append(names, kind.model)
		}
	}
	return names, nil
}

// OpenGenerator loads the generator of a run folder to device d, by the name of its model. "" is the only one: for a run
// that holds several, the error is a [*fault.FieldError] that names them. A run without the generator is a
// [*fault.Missing].
func OpenGenerator(ctx context.Context, dir, model string, d *tensor.Device) (*Generator, error) {
	there, err := Generators(dir)
	if err != nil {
		return nil, err
	}
	known := make([]string, len(generators))
	for i, kind := range generators {
		known[i] = kind.model
	}
	switch {
	case model != "" && !slices.Contains(known, model):
		return nil, fault.Field("Model", model, "must be a generator: %s", strings.Join(known, ", "))
	case model == "" && len(there) > 1:
		return nil, fault.Field("Model", nil, "must be one of %s, the generators of %s", strings.Join(there, " and "), dir)
	case model == "" && len(there) == 0:
		return nil, noGenerator(dir, known)
	case model == "":
		model = there[0]
	case !slices.Contains(there, model):
		return nil, &fault.Missing{Run: dir, Model: model, There: trained(dir)}
	}
	return generators[slices.Index(known, model)].open(ctx, dir, d)
}

// noGenerator returns the error for a run without a generator: a [*fault.Missing] for the first whose needs the run has.
func noGenerator(dir string, known []string) error {
	there := trained(dir)
	for _, model := range known {
		info, _ := models.Lookup(model)
		if !slices.ContainsFunc(info.Needs, func(need string) bool { return !slices.Contains(there, need) }) {
			return &fault.Missing{Run: dir, Model: model, There: there}
		}
	}
	return fmt.Errorf("%s: holds no generator, which would be a %s; name another run", dir, strings.Join(known, " or a "))
}

// trained returns the names of the models of a run folder.
func trained(dir string) []string {
	names, _ := models.Trained(dir) // none of a folder that can't be read
	return names
}
