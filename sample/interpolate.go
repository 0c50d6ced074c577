package sample

import (
	"context"
	"image"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
)

// Ends are the two ends of a [Flow.Interpolate].
type Ends struct {
	From, To           []uint8 // pixels [S, S, C]
	ClassFrom, ClassTo string  // one of Classes; "" is the first
}

// Interpolate returns a sequence of frames pictures from one picture to another, both ends included. It decodes points of
// the spherical interpolation between their latents, while the condition changes linearly from one class to the other.
// frames is 2 or more.
func (p *Flow) Interpolate(ctx context.Context, e Ends, frames int) ([]*image.NRGBA, error) {
	return exclusive(ctx, p.device, func() ([]*image.NRGBA, error) { return p.interpolate(ctx, e, frames) })
}

func (p *Flow) interpolate(ctx context.Context, e Ends, frames int) ([]*image.NRGBA, error) {
	if err := p.RequireFlow(); err != nil {
		return nil, err
	}
	if frames < 2 || frames > MaxPictures {
		return nil, fault.Field("Frames", frames, "must be from 2 to %d", MaxPictures)
	}
	if err := checkPixels("Frames", frames, p.Size()); err != nil {
		return nil, err
	}
	first, err := p.Class(e.ClassFrom)
	if err != nil {
		return nil, err
	}
	last, err := p.Class(e.ClassTo)
	if err != nil {
		return nil, err
	}
	size, channels := p.Size(), p.Channels()
	if one := size * size * channels; len(e.From) != one || len(e.To) != one {
		return nil, fault.Field("Ends", nil, "must be two pictures with %d×%d×%d values each, not %d and %d values", size, size, channels, len(e.From), len(e.To))
	}
	ends := append(p.encode(e.From), p.encode(e.To)...) // [2, E]
	latents, err := p.basePoints(ends, []int{first, last})
	if err != nil {
		return nil, err
	}
	var all []*image.NRGBA
	batch := p.latents.rows()
	for lo := 0; lo < frames; lo += batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var path, mix []float32 // [n, E], [n, classes]
		for i := lo; i < min(lo+batch, frames); i++ {
			t := float64(i) / float64(frames-1)
			path = append(path, slerp(latents[0], latents[1], t)...)
			weights := make([]float32, len(p.data.Classes))
			weights[first] += float32(1 - t)
			weights[last] += float32(t)
			mix = append(mix, weights...)
		}
		images, err := p.decodeBatch(p.inverse(path, mix))
		if err != nil {
			return nil, err
		}
		all = append(all, images...)
	}
	return all, nil
}

// basePoints returns the points of the base distribution of two embeddings [2, E] of two classes.
func (p *Flow) basePoints(embeddings []float32, classes []int) (z [2][]float32, err error) {
	step := p.device.Scratch()
	defer step.End()
	condition, err := p.condition(classes)
	if err != nil {
		return z, err
	}
	dim := p.Embedding()
	values := p.latents.toBase(p.device.From(embeddings, 2, dim), condition).Values() // [2, E]
	return [2][]float32{values[:dim], values[dim:]}, nil
}

// inverse returns the embeddings [n, E] of latents [n, E] with mixtures of classes [n, classes].
func (p *Flow) inverse(latents, mix []float32) []float32 {
	step := p.device.Scratch()
	defer step.End()
	n := len(latents) / p.Embedding()
	return p.latents.fromBase(p.device.From(latents, n, p.Embedding()), p.device.From(mix, n, len(p.data.Classes))).Values()
}

// slerp is spherical linear interpolation: the point at fraction t of the great arc from a to b, with the lengths
// interpolated as well. Between Gaussian latents it stays where the density has its mass, unlike a straight line
// (White, 2016).
func slerp(a, b []float32, t float64) []float32 {
	dot, lengthA, lengthB := 0.0, 0.0, 0.0
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		lengthA += float64(a[i]) * float64(a[i])
		lengthB += float64(b[i]) * float64(b[i])
	}
	weightA, weightB := 1-t, t
	if lengthA > 0 && lengthB > 0 {
		angle := math.Acos(max(-1, min(1, dot/math.Sqrt(lengthA*lengthB))))
		if sin := math.Sin(angle); sin > 1e-6 {
			weightA, weightB = math.Sin((1-t)*angle)/sin, math.Sin(t*angle)/sin
		}
	}
	point := make([]float32, len(a))
	for i := range a {
		point[i] = float32(weightA*float64(a[i]) + weightB*float64(b[i]))
	}
	return point
}
