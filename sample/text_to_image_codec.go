package sample

import (
	"context"
	"image"
	"image/draw"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Codes returns the most probable codes [N, G·G] of pictures, pixels [N, S, S, C].
func (p *TextToImage) Codes(ctx context.Context, pixels []uint8) ([]int32, error) {
	return exclusive(ctx, p.device, func() ([]int32, error) { return p.codes(ctx, pixels) })
}

// Decode returns the pictures of codes [N, G·G].
func (p *TextToImage) Decode(ctx context.Context, codes []int32) ([]*image.NRGBA, error) {
	return exclusive(ctx, p.device, func() ([]*image.NRGBA, error) {
		if err := p.checkCodes(codes); err != nil {
			return nil, err
		}
		return p.decode(ctx, codes)
	})
}

// Reconstruct decodes the most probable codes of pictures, pixels [N, S, S, C], or without a codec their latents.
func (p *TextToImage) Reconstruct(ctx context.Context, pixels []uint8) ([]*image.NRGBA, error) {
	if p.models.Codec == nil && p.models.KL != nil {
		return p.reconstructLatents(ctx, pixels)
	}
	return exclusive(ctx, p.device, func() ([]*image.NRGBA, error) {
		codes, err := p.codes(ctx, pixels)
		if err != nil {
			return nil, err
		}
		return p.decode(ctx, codes)
	})
}

func (p *TextToImage) codes(ctx context.Context, pixels []uint8) ([]int32, error) {
	if err := p.RequireCodec(); err != nil {
		return nil, err
	}
	return inBatches(ctx, p, pixels, func(x *tensor.Tensor) []int32 { return p.models.Codec.Codes(x).IntValues() })
}

// inBatches calls f with batches [n, S, S, C] of pictures, pixels [N, S, S, C], in a step each, until the context ends. It returns what f
// gave. Ranks divide the batches.
func inBatches[T any](ctx context.Context, p *TextToImage, pixels []uint8, f func(x *tensor.Tensor) []T) ([]T, error) {
	size, channels := p.Size(), p.Channels()
	if err := whole(pixels, size, channels); err != nil {
		return nil, err
	}
	one := size * size * channels
	return ranks.Divide(p.device, len(pixels)/one, p.atOnce(), func(lo, hi int) ([]T, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		values := make([]float32, (hi-lo)*one)
		data.Scale(values, pixels[lo*one:hi*one]) // in [−1, 1]
		step := p.device.Scratch()
		defer step.End()
		return f(p.device.From(values, hi-lo, size, size, channels)), nil
	})
}

// BatchSize is the number of pictures that a model computes at a time. It falls with the size of a picture, so that a
// batch always has about the same number of pixels.
func (p *TextToImage) BatchSize() int { return max(1, batch*64*64/(p.Size()*p.Size())) }

// atOnce is the number of pictures that an autoencoder or CLIP computes at a time.
func (p *TextToImage) atOnce() int { return p.atOnceOf(p.BatchSize()) }

func (p *TextToImage) atOnceOf(n int) int {
	if p.alone {
		return 1
	}
	return n
}

func (p *TextToImage) checkCodes(codes []int32) error {
	if err := p.RequireCodec(); err != nil {
		return err
	}
	grid, n := p.Grid(), p.models.Codec.CodebookSize()
	if len(codes)%p.cells() != 0 {
		return fault.Field("Codes", len(codes), "must be a whole number of pictures with %d×%d codes each", grid, grid)
	}
	for _, code := range codes {
		if code < 0 || int(code) >= n {
			return fault.Field("Codes", code, "must be from 0 to %d", n-1)
		}
	}
	return checkPixels("Codes", len(codes)/p.cells(), p.Size())
}

func (p *TextToImage) decode(ctx context.Context, codes []int32) ([]*image.NRGBA, error) {
	one := p.cells()
	return ranks.Divide(p.device, len(codes)/one, p.atOnce(), func(lo, hi int) ([]*image.NRGBA, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return p.decodeBatch(codes[lo*one : hi*one])
	})
}

func (p *TextToImage) decodeBatch(codes []int32) ([]*image.NRGBA, error) {
	n, size := len(codes)/p.cells(), p.Size()
	step := p.device.Scratch()
	defer step.End()
	values := p.models.Codec.DecodeCodes(p.device.Ints(codes, n, p.cells())).Values() // [n, S, S, C]
	return Pixels(values, n, size, size)
}

// PixelsOf returns the pixels [S, S, C] of a picture of the models' size. For models without transparency it composes the
// picture over white.
func (p *TextToImage) PixelsOf(img *image.NRGBA) ([]uint8, error) {
	if err := checkImage("Image", img, p.Size()); err != nil {
		return nil, err
	}
	return p.pixels(img), nil
}

// pixels is PixelsOf for a picture that has been checked.
func (p *TextToImage) pixels(img *image.NRGBA) []uint8 {
	flat := image.NewNRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	if p.Channels() == 4 {
		draw.Draw(flat, flat.Bounds(), img, img.Bounds().Min, draw.Src)
		return flat.Pix
	}
	draw.Draw(flat, flat.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(flat, flat.Bounds(), img, img.Bounds().Min, draw.Over)
	return ToRGB(flat)
}
