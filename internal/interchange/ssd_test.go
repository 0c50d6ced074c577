package interchange

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestSSD writes a detector and reads it again; package ssd compares one with torchvision. Detectors that torchvision doesn't have are
// refused.
func TestSSD(t *testing.T) {
	d, path := golden.CPU(t), filepath.Join(t.TempDir(), "ssd.safetensors")
	m, err := ssd.New(d, ssd.Torchvision(2), tensor.NewGenerator(3))
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteSafetensors(path, Models{SSD: m}); err != nil {
		t.Fatal(err)
	}
	c, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if found := c.Found(); len(found) != 1 || found[0].Kind != "ssd" || c.SSD.Classes != 2 {
		t.Fatalf("found %+v", found)
	}
	built, err := c.Build(d)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := nn.Checksum(m), nn.Checksum(built.SSD); a != b {
		t.Errorf("weights %s, want %s", b, a)
	}
	if classes, is, err := ssd.Identify(path); err != nil || !is || classes != 2 {
		t.Errorf("holds %d classes, %t, %v", classes, is, err)
	}
	small, err := ssd.New(d, ssd.VOC(ssd.Small, 32, 2), tensor.NewGenerator(3))
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteSafetensors(path, Models{SSD: small}); err == nil || !strings.Contains(err.Error(), "ssd300_vgg16") {
		t.Errorf("a small detector is exported: %v", err)
	}
	if call := SSDCall(ssd.VOC(ssd.VGG16, 300, 20)); !strings.Contains(call, "num_classes=21") || !strings.Contains(call, "scales=[0.1, 0.2, 0.37") {
		t.Error(call)
	}
	if names, ids := COCOClasses(90); len(names) != 90 || names[16] != "cat" || ids[16] != 17 || names[11] != "unused 12" {
		t.Errorf("classes %q, %v", names, ids)
	}
}
