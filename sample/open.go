package sample

import (
	"context"
	"errors"

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

// OpenTextToImage loads the codec, the DALL-E, the CLIP and the tokenizer of a run folder to device d. Any of them
// may be missing as long as one model is there; methods that need it then return a [*fault.Missing].
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
	hasDALLE, hasCLIP := r.HasWeights(models.DALLE.Name), r.HasWeights(models.CLIP.Name)
	_, err := models.CodecIn(r.Dir())
	if missing := (*fault.Missing)(nil); !errors.As(err, &missing) || hasDALLE || !hasCLIP { // a CLIP may be alone
		if m.Codec, err = models.OpenCodec(r.Dir(), d); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if hasDALLE {
		if m.DALLE, err = models.DALLE.Open(r.Dir(), d); err != nil {
			return nil, err
		}
		sum := codedBy(r)
		p.recoded = sum != "" && sum != nn.Checksum(m.Codec)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if hasCLIP {
		if m.CLIP, err = models.CLIP.Open(r.Dir(), d); err != nil {
			return nil, err
		}
	}
	if (hasDALLE || hasCLIP) && r.HasTokenizer() { // imported models may have none yet
		if m.Tokenizer, err = r.LoadTokenizer(); err != nil {
			return nil, err
		}
	}
	if err := m.agree(); err != nil {
		return nil, damaged(r, "%s", err.(*fault.FieldError).Want)
	}
	return p, nil
}

// codedBy returns the checksum of the codec on whose codes the run's DALL-E was trained; "" if unknown.
func codedBy(r *run.Run) string {
	var options map[string]any
	if r.Options(models.DALLE.Name, &options) != nil {
		return ""
	}
	sum, _ := options["dvae"].(string)
	return sum
}

// damaged returns an error for settings in a run folder that contradict each other.
func damaged(r *run.Run, format string, args ...any) error {
	return fault.Damaged(r.Path("config.json"), format+"; restore the file from a copy", args...)
}
