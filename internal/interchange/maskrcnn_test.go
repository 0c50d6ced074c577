package interchange

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestMaskRCNN writes a model and reads it again; package maskrcnn compares one with torchvision. Widths that torchvision doesn't have
// are refused.
func TestMaskRCNN(t *testing.T) {
	d, path := golden.CPU(t), filepath.Join(t.TempDir(), "maskrcnn.safetensors")
	m, err := maskrcnn.New(d, maskrcnn.Torchvision("", 2), tensor.NewGenerator(3))
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteSafetensors(path, Models{MaskRCNN: m}); err != nil {
		t.Fatal(err)
	}
	c, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if found := c.Found(); len(found) != 1 || found[0].Kind != "maskrcnn" || c.MaskRCNN.Classes != 2 || !c.MaskRCNN.Pretrained {
		t.Fatalf("found %+v", found)
	}
	built, err := c.Build(d)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := nn.Checksum(m), nn.Checksum(built.MaskRCNN); a != b {
		t.Errorf("weights %s, want %s", b, a)
	}
	if classes, is, err := maskrcnn.Identify(path); err != nil || !is || classes != 2 {
		t.Errorf("holds %d classes, %t, %v", classes, is, err)
	}
	config := maskrcnn.Torchvision("mobilenet_v2", 2)
	config.Width, config.HeadWidth, config.MaskWidth = 8, 8, 8
	small, err := maskrcnn.New(d, config, tensor.NewGenerator(3))
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteSafetensors(path, Models{MaskRCNN: small}); err == nil || !strings.Contains(err.Error(), "the widths 8, 8 and 8") {
		t.Errorf("other widths are exported: %v", err)
	}
	if call := MaskRCNNCall(config); !strings.Contains(call, "num_classes=3") || !strings.Contains(call, "min_size=800, max_size=1333") {
		t.Error(call)
	}
}
