package eval

import (
	"context"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/inception"
	"github.com/bestiary-ml/bestiary/internal/interchange"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// OpenInception loads Inception-v3 to device d, from a file of torch.save or of safetensors in the layout of pytorch-fid
// (pt_inception-2015-12-05-6726825d.pth) or of torchvision (inception_v3_google-0cc3c7bd.pth). The Fréchet distance in the
// features of the first is FID; in those of the second it is called by torchvision's name, as its weights and its pooling
// are others. The error for a file with other weights is a [*fault.DamagedFile].
func OpenInception(path string, d *tensor.Device) (*Extractor, error) {
	f, err := interchange.ReadTensors(path)
	if err != nil {
		return nil, err
	}
	c := inception.Config{Width: 1}
	name := "FID"
	if isTorchvision(f) {
		c.Torchvision, name = true, "Fréchet distance in the features of torchvision's Inception-v3"
	}
	return newInception(path, f, name, c, d)
}

// isTorchvision reports whether weights are torchvision's: these have an auxiliary classifier, or 1,000 classes instead of
// 1,008.
func isTorchvision(f *safetensors.File) bool {
	if slices.ContainsFunc(f.Names(), func(name string) bool { return strings.HasPrefix(name, "AuxLogits.") }) {
		return true
	}
	t, err := f.Tensor("fc.weight")
	return err == nil && len(t.Shape) == 2 && t.Shape[0] == 1000
}

func newInception(path string, f *safetensors.File, name string, c inception.Config, d *tensor.Device) (*Extractor, error) {
	var m *inception.Inception
	err := sample.Exclusive(context.Background(), d, func() (err error) {
		if m, err = inception.New(d, c); err != nil {
			return err
		}
		for _, p := range nn.Params(m) {
			if _, err := f.Tensor(p.Path); err != nil {
				if strings.HasSuffix(p.Path, ".num_batches_tracked") { // counts batches of a training
					continue
				}
				return fault.Damaged(path, "has no %q, so it holds no Inception-v3; name the weights of pytorch-fid or torchvision", p.Path)
			}
			if err := weights.LoadFrom(p, f, p.Path, p.Tensor); err != nil {
				return err
			}
		}
		nn.Freeze(m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &Extractor{
		Name: name, From: "Inception-v3 of " + path, Channels: 3,
		Extract: func(ctx context.Context, pixels []uint8, size int) (Features, error) {
			const most = 8 // pictures at a time
			all := Features{Dim: c.Features()}
			one := size * size * 3
			if size < 1 || len(pixels)%one != 0 {
				return all, fault.Field("Pixels", len(pixels), "must be a whole number of RGB pictures of %d×%d pixels", size, size)
			}
			var err error
			all.Rows, err = ranks.Divide(d, len(pixels)/one, most, func(lo, hi int) (rows []float32, err error) {
				err = sample.Exclusive(ctx, d, func() error {
					step := d.Scratch()
					defer step.End()
					f, err := m.Features(pixels[lo*one:hi*one], size) // [n, F]
					if err == nil {
						rows = f.Values()
					}
					return err
				})
				return rows, err
			})
			return all, err
		},
	}, nil
}
