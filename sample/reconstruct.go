package sample

import (
	"context"
	"image"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// Latents is the pipeline of an autoencoder with maps of latents: it encodes, decodes and reconstructs pictures.
type Latents struct {
	device *tensor.Device
	data   data.Description
	model  *vqgan.Model
}

// NewLatents makes a pipeline of a model in memory on device d. The description says which pictures it was trained on.
func NewLatents(d *tensor.Device, description data.Description, m *vqgan.Model) (*Latents, error) {
	if err := require.Device(d); err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fault.Field("Model", nil, "must not be nil")
	}
	return &Latents{device: d, data: description, model: m}, nil
}

// OpenLatents loads the KL autoencoder of a run folder to device d. A run without one is a [*fault.Missing].
func OpenLatents(ctx context.Context, dir string, d *tensor.Device) (*Latents, error) {
	return open(ctx, dir, d, openLatents)
}

func openLatents(_ context.Context, r *run.Run, d *tensor.Device) (*Latents, error) {
	p := &Latents{device: d}
	if r.HasData() { // imported models have none
		if err := r.Data(&p.data); err != nil {
			return nil, err
		}
	}
	var err error
	if p.model, err = models.KL.Open(r.Dir(), d); err != nil {
		return nil, err
	}
	return p, nil
}

// Size is the width and the height of the pictures, in pixels.
func (p *Latents) Size() int { return p.model.Config().ImageSize }

// Channels is 3 for RGB and 4 for RGBA.
func (p *Latents) Channels() int { return p.model.Config().Channels }

// Config returns the configuration of the model.
func (p *Latents) Config() vqgan.Config { return p.model.Config() }

// Latent returns the number of values of a picture's latents, G·G·E.
func (p *Latents) Latent() int {
	c := p.model.Config()
	return c.Grid() * c.Grid() * c.Embed
}

// Pictures converts pixels [N, S, S, C] to pictures.
func (p *Latents) Pictures(pixels []uint8) []*image.NRGBA {
	return Split(pixels, p.Size(), p.Channels())
}

// Dataset describes the pictures that the model was trained on.
func (p *Latents) Dataset() data.Description { return p.data }

// BatchSize is the number of pictures that the model computes at a time, see [TextToImage.BatchSize].
func (p *Latents) BatchSize() int { return max(1, batch*64*64/(p.Size()*p.Size())) }

// Use calls f with the device and the model while nothing else computes on the device, see [tensor.Device.Exclusive]. A
// failure of the device within f becomes Use's error.
func (p *Latents) Use(ctx context.Context, f func(d *tensor.Device, m *vqgan.Model) error) error {
	if f == nil {
		return errNoFunction
	}
	_, err := exclusive(ctx, p.device, func() (struct{}, error) { return struct{}{}, f(p.device, p.model) })
	return err
}

// Encode returns the latents [N, G, G, E] of pictures, pixels [N, S, S, C]; see [vqgan.Model.Encode].
func (p *Latents) Encode(ctx context.Context, pixels []uint8) ([]float32, error) {
	return exclusive(ctx, p.device, func() (all []float32, err error) {
		err = p.batches(ctx, pixels, func(x *tensor.Tensor) error {
			all = append(all, p.model.Encode(x).Values()...)
			return nil
		})
		return all, err
	})
}

// Decode returns the pictures of latents [N, G, G, E].
func (p *Latents) Decode(ctx context.Context, latents []float32) ([]*image.NRGBA, error) {
	return exclusive(ctx, p.device, func() ([]*image.NRGBA, error) { return p.decode(ctx, latents) })
}

// Reconstruct encodes and decodes pictures, pixels [N, S, S, C].
func (p *Latents) Reconstruct(ctx context.Context, pixels []uint8) ([]*image.NRGBA, error) {
	return exclusive(ctx, p.device, func() (all []*image.NRGBA, err error) {
		err = p.batches(ctx, pixels, func(x *tensor.Tensor) error {
			made, err := Pixels(p.model.Reconstruct(x).Values(), x.Dim(0), p.Size(), p.Size())
			all = append(all, made...)
			return err
		})
		return all, err
	})
}

// batches calls f with batches [n, S, S, C] of pictures, pixels [N, S, S, C], in a step each, until the context ends.
func (p *Latents) batches(ctx context.Context, pixels []uint8, f func(x *tensor.Tensor) error) error {
	size, channels := p.Size(), p.Channels()
	if err := whole(pixels, size, channels); err != nil {
		return err
	}
	one := size * size * channels
	most := p.BatchSize() * one
	for lo := 0; lo < len(pixels); lo += most {
		if err := ctx.Err(); err != nil {
			return err
		}
		some := pixels[lo:min(lo+most, len(pixels))]
		values := make([]float32, len(some))
		data.Scale(values, some) // in [−1, 1]
		if err := p.within(func() error { return f(p.device.From(values, len(some)/one, size, size, channels)) }); err != nil {
			return err
		}
	}
	return nil
}

// within calls f in a step of the device.
func (p *Latents) within(f func() error) error {
	step := p.device.Scratch()
	defer step.End()
	return f()
}

func (p *Latents) decode(ctx context.Context, latents []float32) (all []*image.NRGBA, err error) {
	c, one := p.model.Config(), p.Latent()
	if len(latents)%one != 0 {
		return nil, fault.Field("Latents", len(latents), "must be a whole number of latents with %d×%d×%d values each", c.Grid(), c.Grid(), c.Embed)
	}
	if err := checkPixels("Latents", len(latents)/one, p.Size()); err != nil {
		return nil, err
	}
	most := p.BatchSize() * one
	for lo := 0; lo < len(latents); lo += most {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		some := latents[lo:min(lo+most, len(latents))]
		err := p.within(func() error {
			n := len(some) / one
			z := p.device.From(some, n, c.Grid(), c.Grid(), c.Embed)
			made, err := Pixels(p.model.Decode(z).Values(), n, p.Size(), p.Size())
			all = append(all, made...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
