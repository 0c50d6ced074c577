package maskrcnn

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

func smallConfig() Config {
	c := Torchvision("mobilenet_v2", 2)
	c.Width, c.HeadWidth, c.MaskWidth = 8, 8, 8
	return c
}

// older returns the name that torchvision before 0.13 has for a parameter.
func older(name string) string {
	name = strings.Replace(name, "rpn.head.conv.0.0.", "rpn.head.conv.", 1)
	for _, n := range []string{"0", "1", "2", "3"} {
		name = strings.Replace(name, "blocks."+n+".0.", "blocks."+n+".", 1)
		name = strings.Replace(name, "mask_head."+n+".0.", "mask_head.mask_fcn"+string(n[0]+1)+".", 1)
	}
	return name
}

// TestLoadState loads weights with the names of older versions and without counts of batches, for the same classes and for others.
func TestLoadState(t *testing.T) {
	d, path := golden.CPU(t), filepath.Join(t.TempDir(), "old.safetensors")
	build := func(classes int, seed uint64) *Model {
		t.Helper()
		c := smallConfig()
		c.Classes = classes
		m, err := New(d, c, tensor.NewGenerator(seed))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := build(2, 1)
	var all []safetensors.Tensor
	renamed := 0
	for _, s := range weights.Of(m) {
		if strings.HasSuffix(s.Name, ".num_batches_tracked") {
			continue
		}
		if old := older(s.Name); old != s.Name {
			s.Name = old
			renamed++
		}
		all = append(all, s)
	}
	if renamed != 2*(1+8+4) {
		t.Errorf("%d names are older ones", renamed)
	}
	if err := safetensors.Write(path, all, nil); err != nil {
		t.Fatal(err)
	}
	same := build(2, 2)
	if fresh, err := same.LoadState(path, false); err != nil || fresh || nn.Checksum(same) != nn.Checksum(m) {
		t.Errorf("fresh %t, %v", fresh, err)
	}
	for name, other := range map[string]*Model{"other names": build(2, 3), "another number": build(5, 3)} {
		before := map[string]string{}
		for _, p := range nn.Params(other) {
			before[p.Path] = checksum(p)
		}
		if fresh, err := other.LoadState(path, true); err != nil || !fresh {
			t.Fatalf("%s: fresh %t, %v", name, fresh, err)
		}
		want := map[string]string{}
		for _, p := range nn.Params(m) {
			want[p.Path] = checksum(p)
		}
		for _, p := range nn.Params(other) {
			kept := strings.Contains(p.Path, "box_predictor") || strings.Contains(p.Path, "mask_fcn_logits")
			if now := checksum(p); kept && now != before[p.Path] || !kept && now != want[p.Path] {
				t.Errorf("%s: %s has wrong weights", name, p.Path)
			}
		}
	}
	c := smallConfig()
	c.Width = 16
	wide, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	var file *fault.DamagedFile
	if _, err := wide.LoadState(path, false); !errors.As(err, &file) {
		t.Errorf("a wider model: %v", err)
	}
	if _, is, err := Identify(path); is || err != nil {
		t.Errorf("a MobileNet is taken for torchvision's, %v", err)
	}
}

func checksum(p nn.Param) string { return nn.Checksum(one{p}) }

// one is a module of one parameter.
type one struct{ nn.Param }

func (o one) Visit(_ string, f func(nn.Param)) { f(o.Param) }
func (one) SetTraining(bool)                   {}
