package sample

import (
	"context"
	"encoding/json"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// OpenFlow loads the autoencoder and the flow of a run folder to device d. The flow may be missing; methods that need it
// then return a [*fault.Missing]. A run that holds both a flow over embeddings and a TarFlow gives a [*fault.FieldError]: use
// [OpenFlowModel].
func OpenFlow(ctx context.Context, dir string, d *tensor.Device) (*Flow, error) {
	return OpenFlowModel(ctx, dir, "", d)
}

// OpenFlowModel is OpenFlow for a run that may hold two flows. model is the kind of flow to open, "flow" or "tarflow"; ""
// is the one that the run has.
func OpenFlowModel(ctx context.Context, dir, model string, d *tensor.Device) (*Flow, error) {
	return open(ctx, dir, d, func(ctx context.Context, r *run.Run, d *tensor.Device) (*Flow, error) {
		model, err := chooseFlow(r, model)
		if err != nil {
			return nil, err
		}
		return openFlow(ctx, r, model, d)
	})
}

// chooseFlow returns the kind of flow of a run: the one that is asked for, trained, or whose autoencoder is trained.
func chooseFlow(r *run.Run, model string) (string, error) {
	vector, spatial := models.Flow.Name, models.TarFlow.Name
	for _, pair := range [][2]string{{vector, spatial}, {models.Autoencoder.Name, models.KL.Name}} {
		first, second := r.HasWeights(pair[0]), r.HasWeights(pair[1])
		switch {
		case model != "" && model != vector && model != spatial:
			return "", fault.Field("Model", model, "must be %s or %s", vector, spatial)
		case model != "":
			return model, nil
		case first && second:
			return "", fault.Field("Model", nil, "must be chosen: the run has both %s and %s; choose %s or %s", pair[0], pair[1], vector, spatial)
		case second:
			return spatial, nil
		case first:
			return vector, nil
		}
	}
	return vector, nil
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

// openFlow loads the flow of a kind and its autoencoder.
func openFlow(ctx context.Context, r *run.Run, model string, d *tensor.Device) (*Flow, error) {
	p := &Flow{device: d, run: r.Dir()}
	if err := r.Data(&p.data); err != nil {
		return nil, err
	}
	load := p.loadVectors
	if model == models.TarFlow.Name {
		load = p.loadSpatial
	}
	trained, err := load(ctx, r)
	if err != nil {
		return nil, err
	}
	if p.latents, err = p.models.latents(); err != nil {
		return nil, err
	}
	encoder, flow := p.latents.kinds()
	if size := p.Size(); len(p.data.Classes) == 0 || p.data.Size != size {
		return nil, damaged(r, "the data has %d classes and pictures of size %d, the %s takes size %d", len(p.data.Classes), p.data.Size, encoder, size)
	}
	if err := p.models.agree(len(p.data.Classes)); err != nil {
		return nil, damaged(r, "the %s %s", flow, err.(*fault.FieldError).Want)
	}
	if err := checkEncoder(trained, p.latents); err != nil {
		p.stale = fault.Damaged(r.WeightsPath(encoder), "%v", err)
		p.models.Flow, p.models.TarFlow = nil, nil
		p.latents, err = p.models.latents()
		return p, err
	}
	return p, nil
}

// loadVectors loads an autoencoder and the flow over its embeddings, and returns the checksum of the autoencoder that this was trained with;
// "" if unknown.
func (p *Flow) loadVectors(ctx context.Context, r *run.Run) (trained string, err error) {
	if p.models.Autoencoder, err = models.Autoencoder.Open(r.Dir(), p.device); err != nil || !r.HasWeights(models.Flow.Name) {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if p.models.Flow, err = models.Flow.Open(r.Dir(), p.device); err != nil {
		return "", err
	}
	var o FlowOptions
	if r.Options(models.Flow.Name, &o) != nil { // older runs have none
		return "", nil
	}
	return o.Autoencoder, nil
}

// loadSpatial is loadVectors for a KL autoencoder and a TarFlow.
func (p *Flow) loadSpatial(ctx context.Context, r *run.Run) (trained string, err error) {
	if p.models.KL, err = models.KL.Open(r.Dir(), p.device); err != nil || !r.HasWeights(models.TarFlow.Name) {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if p.models.TarFlow, err = models.TarFlow.Open(r.Dir(), p.device); err != nil {
		return "", err
	}
	var o TarFlowOptions
	if r.Options(models.TarFlow.Name, &o) != nil {
		return "", nil
	}
	return o.KL, nil
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
		shown, sum, err := trainedOn(r, g.name())
		if err != nil {
			return nil, err
		}
		if shown != nil {
			p.shown[g.name()] = *shown
		}
		codec := nn.Module(m.Codec)
		if g.name() == models.Rectified.Name {
			codec = m.KL
		}
		if sum != "" && sum != nn.Checksum(codec) {
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

// trainedOn returns the pictures that a generator was trained on, nil for an imported one, and the checksum of the codec that
// encoded them, "" if the run doesn't tell.
func trainedOn(r *run.Run, generator string) (shown *data.Description, sum string, err error) {
	var options map[string]json.RawMessage
	if r.Options(generator, &options) != nil { // imported models have none
		return nil, "", nil
	}
	key := models.DVAE.Name // of any codec
	if generator == models.Rectified.Name {
		key = models.KL.Name
	}
	for field, into := range map[string]any{"data": &shown, key: &sum} {
		if raw := options[field]; raw != nil && json.Unmarshal(raw, into) != nil {
			return nil, "", damaged(r, "options.%s.%s can't be understood", generator, field)
		}
	}
	return shown, sum, nil
}

// damaged returns an error for settings in a run folder that contradict each other.
func damaged(r *run.Run, format string, args ...any) error {
	return fault.Damaged(r.Path("config.json"), format+"; restore the file from a copy", args...)
}
