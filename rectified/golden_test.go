package rectified

import (
	"encoding/json"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Velocity and gradients equal those of testdata/make_golden.py, with patches, padded captions and an empty one.
func TestGolden(t *testing.T) {
	f := golden.Read(t, "testdata/golden.safetensors")
	var c Config
	var captions [][]int32
	for key, v := range map[string]any{"config": &c, "captions": &captions} {
		if err := json.Unmarshal([]byte(f.Metadata[key]), v); err != nil {
			t.Fatal(err)
		}
	}
	golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
		m, err := New(d, c, tensor.NewGenerator(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := weights.Load(m, f, "weight."); err != nil {
			t.Fatal(err)
		}
		var times []float64
		for _, v := range golden.Floats(t, f, "times") {
			times = append(times, float64(v))
		}
		s := d.Record()
		defer s.End()
		v := m.Velocity(golden.Tensor(t, d, f, "x"), times, captions)
		golden.Near(t, "velocity", v.Values(), golden.Tensor(t, d, f, "velocity").Values(), 1e-5)
		v.Square().Mean().Backward()
		checked := 0
		for _, p := range nn.Params(m) {
			want, err := f.Tensor("grad." + p.Path)
			if err != nil {
				continue
			}
			checked++
			grad := p.Tensor.Grad()
			if len(want.Shape) == 2 && p.Path != "text_embedding.weight" && p.Path != "row_position.weight" {
				grad = grad.Transpose(0, 1) // PyTorch's order of a linear layer's weight
			}
			golden.Near(t, p.Path, grad.Values(), golden.Floats(t, f, "grad."+p.Path), 1e-4)
		}
		if checked != 7 {
			t.Errorf("%d gradients checked", checked)
		}
	})
}
