package maskrcnn

import (
	"testing"

	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestRules compares the sides from which a region is read in another map with the map that is chosen, just below and above them.
func TestRules(t *testing.T) {
	vgg := Torchvision("vgg16", 2)
	vgg.Width, vgg.HeadWidth, vgg.MaskWidth = 8, 8, 8
	square := Matterport("resnet50", 2)
	square.Width, square.HeadWidth, square.MaskWidth, square.ProposalWidth = 8, 8, 8, 8
	for name, c := range map[string]Config{"torchvision": smallConfig(), "vgg16": vgg, "matterport": square} {
		c.Pretrained = name != "matterport" // no weights are drawn for the backbone, since none are used
		m, err := New(golden.CPU(t), c, tensor.NewGenerator(1))
		if err != nil {
			t.Fatal(err)
		}
		r := m.Rules()
		if len(r.Sides) != 3 || (r.Square > 0) != (name == "matterport") {
			t.Errorf("%s: %+v", name, r)
		}
		for i, side := range r.Sides {
			for k, factor := range []float64{1 - 1e-5, 1 + 1e-5} {
				if got := m.mapOf(detect.Box{X1: side * factor, Y1: side * factor}); got != i+k {
					t.Errorf("%s: a region of side %v is read in map %d, want %d", name, side*factor, got, i+k)
				}
			}
		}
	}
}
