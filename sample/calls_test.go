package sample

import (
	"context"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/tensor"
)

// failing is a device that panics, as a failing GPU does, after a number of calls of the kernels below.
type failing struct {
	kernel.Device
	left int // calls until the next failure; negative for none
}

func (f *failing) count() {
	if f.left == 0 {
		panic(&fault.DeviceError{Call: "cuLaunchKernel", Code: 700, Text: "an illegal memory access was encountered"})
	}
	f.left--
}

func (f *failing) Upload(dst kernel.Buffer, src []float32)   { f.count(); f.Device.Upload(dst, src) }
func (f *failing) Download(dst []float32, src kernel.Buffer) { f.count(); f.Device.Download(dst, src) }
func (f *failing) UploadInts(dst kernel.Buffer, src []int32) {
	f.count()
	f.Device.UploadInts(dst, src)
}
func (f *failing) Copy(s kernel.Strided, dst, src kernel.Buffer) {
	f.count()
	f.Device.Copy(s, dst, src)
}
func (f *failing) Gemm(g kernel.Gemm, a, b, bias, c kernel.Buffer) {
	f.count()
	f.Device.Gemm(g, a, b, bias, c)
}
func (f *failing) Reduce(op kernel.Reduce, s kernel.Span, scale float64, x, y kernel.Buffer) {
	f.count()
	f.Device.Reduce(op, s, scale, x, y)
}
func (f *failing) LayerNorm(rows, n int, eps float64, x, gamma, beta, y, mean, rstd kernel.Buffer) {
	f.count()
	f.Device.LayerNorm(rows, n, eps, x, gamma, beta, y, mean, rstd)
}

// calls are all methods that compute.
func calls(p *Flow, b *TextToImage) map[string]func(ctx context.Context) error {
	pets, birds := toy.Pets(2), toy.Birds(2)
	ends := Ends{From: pets.Image(0), To: pets.Image(1), ClassFrom: "cat", ClassTo: "dog"}
	return map[string]func(ctx context.Context) error{
		"Sample":      func(ctx context.Context) error { _, err := p.Sample(ctx, Options{N: 2}); return err },
		"Embed":       func(ctx context.Context) error { _, err := p.Embed(ctx, pets.Pixels); return err },
		"Decode":      func(ctx context.Context) error { _, err := p.Decode(ctx, make([]float32, toy.Embedding)); return err },
		"LogProb":     func(ctx context.Context) error { _, err := p.LogProb(ctx, make([]float32, toy.Embedding)); return err },
		"Reconstruct": func(ctx context.Context) error { _, err := p.Reconstruct(ctx, pets.Pixels); return err },
		"Interpolate": func(ctx context.Context) error { _, err := p.Interpolate(ctx, ends, 3); return err },
		"Use": func(ctx context.Context) error {
			return p.Use(ctx, func(d *tensor.Device, m FlowModels) error {
				step := d.Scratch()
				defer step.End()
				m.Autoencoder.Decode(d.Zeros(1, toy.Embedding))
				return nil
			})
		},
		"Generate": func(ctx context.Context) error {
			_, err := b.Generate(ctx, GenerateOptions{Prompts: prompts, Candidates: 2, Prime: Split(birds.Pixels, birdSize, 3)[0]})
			return err
		},
		"CompleteText": func(ctx context.Context) error { _, err := b.CompleteText(ctx, "a red", CompleteOptions{}); return err },
		"Codes":        func(ctx context.Context) error { _, err := b.Codes(ctx, birds.Pixels); return err },
		"EmbedTexts":   func(ctx context.Context) error { _, err := b.EmbedTexts(ctx, prompts); return err },
		"EmbedImages":  func(ctx context.Context) error { _, err := b.EmbedImages(ctx, birds.Pixels); return err },
	}
}
