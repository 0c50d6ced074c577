package sample

import (
	"context"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// OpenFlow loads the autoencoder and the flow of a run folder to device d. The flow may be missing; methods that need it
// then return a [*fault.Missing].
func OpenFlow(ctx context.Context, dir string, d *tensor.Device) (*Flow, error) {
	return open(ctx, dir, d, openFlow)
}

// OpenTextToImage loads the text-to-image models of a run folder and their tokenizer to device d, see
// [TextToImageModels]. Any of them may be missing as long as one model is there; methods that need it then return a
// [*fault.Missing].
func OpenTextToImage(ctx context.Context, dir string, d *tensor.Device) (*TextToImage, error) {
	return open(ctx, dir, d, openTextToImage)
}

// open opens a run folder and loads its models in a turn on the device.
func open[P any](ctx context.Context, dir string, d *tensor.Device, load func(context.Context, *run.Run, *tensor.Device) (P, error)) (p P, err error) {
	if err := require.Device(d); err != nil {
		return p, err
	}
	r, err := run.Open(dir)
	if err != nil {
		return p, err
	}
	return exclusive(ctx, d, func() (P, error) { return load(ctx, r, d) })
}

func openFlow(ctx context.Context, r *run.Run, d *tensor.Device) (*Flow, error) {
	p := &Flow{device: d, run: r.Dir()}
	if err := r.Data(&p.data); err != nil {
		return nil, err
	}
	a, err := models.Autoencoder.Open(r.Dir(), d)
	if err != nil {
		return nil, err
	}
	if size := a.Config().ImageSize; len(p.data.Classes) == 0 || p.data.Size != size {
		return nil, damaged(r, "the data has %d classes and pictures of size %d, the autoencoder takes size %d", len(p.data.Classes), p.data.Size, size)
	}
	p.models.Autoencoder = a
	if !r.HasWeights(models.Flow.Name) {
		return p, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	flow, err := models.Flow.Open(r.Dir(), d)
	if err != nil {
		return nil, err
	}
	if c := flow.Config; c.Dim != p.Embedding() || c.Classes != len(p.data.Classes) {
		return nil, damaged(r, "the flow has %d dimensions and %d classes, the autoencoder's embeddings have %d dimensions and the data %d classes",
			c.Dim, c.Classes, p.Embedding(), len(p.data.Classes))
	}
	var trained FlowOptions
	if r.Options(models.Flow.Name, &trained) == nil { // older runs have none
		if err := trained.Check(a); err != nil {
			p.stale = fault.Damaged(r.WeightsPath(models.Autoencoder.Name), "%v", err)
			return p, nil
		}
	}
	p.models.Flow = flow
	return p, nil
}

func openTextToImage(ctx context.Context, r *run.Run, d *tensor.Device) (*TextToImage, error) {
	p := &TextToImage{device: d, run: r.Dir()}
	if r.HasData() { // imported models have none
		if err := r.Data(&p.data); err != nil {
			return nil, err
		}
	}
	m := &p.models
	there := r.HasWeights
	none := !there(models.KL.Name) && !there(models.Rectified.Name) && !there(models.CLIP.Name)
	load := []func() error{
		func() (err error) {
			if none || there(models.DALLE.Name) || there(models.MaskGIT.Name) || r.First(models.Codecs()) != "" {
				m.Codec, err = models.OpenCodec(r.Dir(), d)
			}
			return err
		},
		func() error { return openInto(&m.DALLE, models.DALLE, r, d, false) },
		func() error { return openInto(&m.MaskGIT, models.MaskGIT, r, d, false) },
		func() error { return openInto(&m.KL, models.KL, r, d, there(models.Rectified.Name)) },
		func() error { return openInto(&m.Rectified, models.Rectified, r, d, false) },
		func() error { return openInto(&m.CLIP, models.CLIP, r, d, false) },
	}
	for _, load := range load {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := load(); err != nil {
			return nil, err
		}
	}
	p.shown = map[string]data.Description{}
	for _, g := range m.generators() {
		var how struct{ Data data.Description }
		if r.Options(g.name(), &how) == nil { // imported models have none
			p.shown[g.name()] = how.Data
		}
		codec := nn.Module(m.Codec)
		if g.name() == models.Rectified.Name {
			codec = m.KL
		}
		if sum := trainedOn(r, g.name()); sum != "" && sum != nn.Checksum(codec) {
			p.recoded = append(p.recoded, g.name())
		}
	}
	if (len(m.generators()) > 0 || m.CLIP != nil) && r.HasTokenizer() { // imported models may have none yet
		var err error
		if m.Tokenizer, err = r.LoadTokenizer(); err != nil {
			return nil, err
		}
	}
	if err := m.agree(); err != nil {
		return nil, damaged(r, "%s", err.(*fault.FieldError).Want)
	}
	return p, nil
}

// openInto opens a model if the run has it. If it is required and missing, the error is a [*fault.Missing].
func openInto[C any, M nn.Module](into *M, kind *models.Kind[C, M], r *run.Run, d *tensor.Device, required bool) (err error) {
	if required || r.HasWeights(kind.Name) {
		*into, err = kind.Open(r.Dir(), d)
	}
	return err
}

// trainedOn returns the checksum of the autoencoder on whose codes or latents a generator of the run was trained; "" if
// unknown.
func trainedOn(r *run.Run, generator string) string {
	var options map[string]any
	if r.Options(generator, &options) != nil {
		return ""
	}
	key := models.DVAE.Name // of any codec
	if generator == models.Rectified.Name {
		key = models.KL.Name
	}
	sum, _ := options[key].(string)
	return sum
}

// damaged returns an error for settings in a run folder that contradict each other.
func damaged(r *run.Run, format string, args ...any) error {
	return fault.Damaged(r.Path("config.json"), format+"; restore the file from a copy", args...)
}
