package interchange

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestGoldenCLIP compares with the reference's loss, gradients and similarities.
func TestGoldenCLIP(t *testing.T) {
	f := golden.Read(t, "../../clip/testdata/clip.safetensors")
	golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
		m := buildCLIP(t, d)
		if err := LoadCLIP(m, f, "weight."); err != nil {
			t.Fatal(err)
		}
		images := golden.Tensor(t, d, f, "image")
		text, keep := d.Ints(golden.Ints(t, f, "text"), 4, 6), d.Ints(golden.Ints(t, f, "mask"), 4, 6)
		s := d.Record()
		loss := m.Loss(text, images, keep)
		golden.Near(t, "loss", loss.Values(), golden.Floats(t, f, "loss"), 1e-4)
		loss.Backward()
		golden.Gradients(t, m, f, CLIPName, 1e-4)
		s.End()
		golden.Near(t, "similarity", m.Similarity(text, images, keep).Values(), golden.Floats(t, f, "similarity"), 1e-4)
	})
}
