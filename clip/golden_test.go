package clip_test

import (
	"testing"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/interchange"
	"github.com/bestiary-ml/bestiary/tensor"
)

// reference is the configuration of the golden file.
func reference() clip.Config {
	tower := func(dim int) clip.Tower { return clip.Tower{Dim: dim, Depth: 1, Heads: 2, DimHead: 64} }
	return clip.Config{
		TextTokens: 20, TextLen: 6, ImageSize: 16, PatchSize: 4, Channels: 3, Latent: 12, Text: tower(16), Image: tower(20),
	}
}

func TestGolden(t *testing.T) {
	f := golden.Read(t, "testdata/clip.safetensors")
	golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
		m, err := clip.New(d, reference(), tensor.NewGenerator(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := interchange.LoadCLIP(m, f, "weight."); err != nil {
			t.Fatal(err)
		}
		images := golden.Tensor(t, d, f, "image")
		text, keep := d.Ints(golden.Ints(t, f, "text"), 4, 6), d.Ints(golden.Ints(t, f, "mask"), 4, 6)
		s := d.Record()
		loss := m.Loss(text, images, keep)
		golden.Near(t, "loss", loss.Values(), golden.Floats(t, f, "loss"), 1e-4)
		loss.Backward()
		golden.Gradients(t, m, f, interchange.CLIPName, 1e-4)
		s.End()
		golden.Near(t, "similarity", m.Similarity(text, images, keep).Values(), golden.Floats(t, f, "similarity"), 1e-4)
	})
}
