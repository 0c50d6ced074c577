package sample

import (
	"image"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn/sampling"
)

// Limits of what one call may ask for.
const (
	// MaxPictures is the largest N: pictures of a class, pictures for a prompt, frames or captions.
	MaxPictures = 10_000
	// MaxCandidates is the largest number of pictures that a call draws to choose from.
	MaxCandidates = 1_000_000
	// MaxPixels is the largest number of pixels that a call returns, 1 GiB of memory.
	MaxPixels = 1 << 28
	// MaxBatch is the largest number of pictures that are generated together.
	MaxBatch = 1024
	// MaxPrompts is the largest number of prompts of a call.
	MaxPrompts = 100_000
	// MaxPromptBytes is the largest size of a prompt.
	MaxPromptBytes = 1 << 16
)

// checkCounts returns an error for numbers of pictures and candidates that are not allowed. 0 stands for the default.
func checkCounts(n, candidates int) error {
	if n < 0 || n > MaxPictures {
		return fault.Field("N", n, "must be from 1 to %d, or 0 for 1", MaxPictures)
	}
	if candidates != 0 && (candidates < max(n, 1) || candidates > MaxCandidates) {
		return fault.Field("Candidates", candidates, "must be from N, which is %d, to %d, or 0 to draw no more than N", max(n, 1), MaxCandidates)
	}
	return nil
}

// checkPixels returns an error if n pictures have too many pixels; field is the one that sets their number.
func checkPixels(field string, n, size int) error {
	if most := MaxPixels / (size * size); n > most {
		return fault.Field(field, n, "must be at most %d for pictures of %d×%d pixels in one call; divide them into several calls", most, size, size)
	}
	return nil
}

// checkImage returns an error if img isn't a picture of size×size pixels.
func checkImage(field string, img *image.NRGBA, size int) error {
	if img == nil {
		return fault.Field(field, nil, "must be a picture, not nil")
	}
	b := img.Bounds()
	if b.Dx() != size || b.Dy() != size {
		return fault.Field(field, nil, "must have %d×%d pixels like the pictures of the model, not %d×%d; scale it to that size", size, size, b.Dx(), b.Dy())
	}
	if last := img.PixOffset(b.Max.X-1, b.Max.Y-1) + 4; img.Stride < 4*size || len(img.Pix) < last {
		return fault.Field(field, nil, "must have memory for all of its pixels")
	}
	return nil
}

// checkUnguided returns an error if options have a guidance scale that can't be used.
func checkUnguided(o sampling.Options) error {
	if o.Guidance != 0 && o.Guidance != 1 {
		return fault.Field("Guidance", o.Guidance, "must be 1 (off): only pictures for prompts are sampled with guidance")
	}
	return nil
}

// settings are the options of sampling to use; nil stands for the defaults.
func settings(o *sampling.Options) sampling.Options {
	if o == nil {
		return sampling.Default()
	}
	return *o
}
