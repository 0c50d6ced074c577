package interchange

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/data/mask"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// short are the backbones of TestBackbones: a small one of each kind of blocks. The others take minutes, with BESTIARY_LONG=1.
var short = map[string]bool{"seresnet18": true, "mobilenet_v1": true, "efficientnet_b0": true}

// formats are those in which a Mask R-CNN is exported and read again.
var formats = []struct {
	ending string
	write  func(path string, m Models) error
}{{".safetensors", WriteSafetensors}, {".pt", WriteTorch}}

// TestBackbones trains a Mask R-CNN with each backbone for a step, which moves all weights, and exports it. Where BESTIARY_PYTORCH names a
// Python with torchvision, and timm for its networks, that loads the file.
func TestBackbones(t *testing.T) {
	d := golden.CPU(t)
	for _, name := range backbone.Names() {
		t.Run(name, func(t *testing.T) {
			if !short[name] && os.Getenv("BESTIARY_LONG") == "" {
				t.Skip("set BESTIARY_LONG=1 to train and export all backbones")
			}
			c := maskrcnn.Torchvision(name, 1)
			c.MinSide, c.MaxSide, c.Boxes.Sampled = 64, 64, 8
			c.Proposals.TrainBefore, c.Proposals.TrainAfter = 20, 8
			c.Proposals.Sampled, c.Proposals.Positive = 1<<20, 1 // all anchors, so that each map has some
			m, err := maskrcnn.New(d, c, tensor.NewGenerator(1))
			if err != nil {
				t.Fatal(err)
			}
			trainOnce(t, m)
			dir := t.TempDir()
			for i, f := range formats {
				if i > 0 && os.Getenv("BESTIARY_LONG") == "" && os.Getenv("BESTIARY_PYTORCH") == "" {
					break // it has the same content
				}
				path := filepath.Join(dir, name+f.ending)
				if err := f.write(path, Models{MaskRCNN: m}); err != nil {
					t.Fatal(err)
				}
				if reads(t, path, m); f.ending == ".pt" {
					torchLoads(t, path, c)
				}
				os.Remove(path) // large ones would fill the disk
			}
		})
	}
}

// trainOnce takes a step against the gradient of a picture with an object. Losses are finite before and after, and all weights move.
func trainOnce(t *testing.T, m *maskrcnn.Model) {
	t.Helper()
	const side, n = 64, 2
	d := deviceOf(m)
	x := d.From(golden.Numbers("pictures", n*side*side*3), n, side, side, 3).Keep()
	size := maskrcnn.Size{Height: side, Width: side}
	pixels, err := mask.Rectangle(10, 14, 40, 50).RLE(side, side)
	if err != nil {
		t.Fatal(err)
	}
	object := []maskrcnn.Target{{Box: detect.Box{X0: 8, Y0: 12, X1: 48, Y1: 52}, Mask: pixels}}
	m.SetTraining(true)
	loss := func(backward bool) float64 {
		s := d.Record()
		defer s.End()
		l := m.Loss(x, []maskrcnn.Size{size, size}, [][]maskrcnn.Target{object, object}, tensor.NewGenerator(1)).Sum()
		if backward {
			nn.ZeroGrad(m)
			l.Backward()
		}
		return float64(l.Values()[0])
	}
	if before := loss(true); math.IsNaN(before) || math.IsInf(before, 0) {
		t.Fatalf("a loss of %v", before)
	}
	for _, p := range nn.Trainable(m) {
		s := d.Scratch()
		if p.Tensor.Grad() == nil {
			t.Fatalf("%s has no gradient", p.Path)
		}
		step := p.Tensor.Grad().Scale(1e-4).Values()
		values, moved := p.Tensor.Values(), false
		for i, v := range values {
			values[i] -= step[i]
			moved = moved || values[i] != v
		}
		if p.Tensor.Set(values); !moved {
			t.Errorf("%s doesn't move", p.Path)
		}
		s.End()
	}
	if after := loss(false); math.IsNaN(after) || math.IsInf(after, 0) {
		t.Errorf("a loss of %v after a step", after)
	}
}

func deviceOf(m *maskrcnn.Model) *tensor.Device { return nn.Params(m)[0].Tensor.Device() }

// reads reads a file and compares the weights.
func reads(t *testing.T, path string, m *maskrcnn.Model) {
	t.Helper()
	c, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	built, err := c.Build(deviceOf(m))
	if err != nil {
		t.Fatal(err)
	}
	if got := built.MaskRCNN.Config().Backbone; got != m.Config().Backbone || nn.Checksum(built.MaskRCNN) != nn.Checksum(m) {
		t.Errorf("read a %s with weights %s, want %s", got, nn.Checksum(built.MaskRCNN), nn.Checksum(m))
	}
}

// torchLoads loads a file with the call that export prints.
func torchLoads(t *testing.T, path string, c maskrcnn.Config) {
	t.Helper()
	python, call := os.Getenv("BESTIARY_PYTORCH"), MaskRCNNCall(c)
	if python == "" || strings.Contains(call, "a backbone whose body") {
		return
	}
	imports := "import torch, torchvision"
	if strings.Contains(call, "timm.") {
		imports += ", timm"
	}
	if exec.CommandContext(t.Context(), python, "-c", imports).Run() != nil {
		t.Logf("%s can't %s", python, imports)
		return
	}
	load := imports + "\nm = " + call + "\nm.load_state_dict(torch.load(" + `r"` + path + `"` + "), strict=True)"
	if out, err := exec.CommandContext(t.Context(), python, "-c", load).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", call, err, out)
	}
}
