package interchange

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/hdf5"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// gains are what testdata/make_matterport.py multiplies kernels by.
var gains = map[string]float64{"rpn_class_raw": 0.5, "rpn_bbox_pred": 0.5, "mrcnn_class_logits": 1.5, "mrcnn_bbox_fc": 0.5, "mrcnn_mask": 0.5}

// kerasValues are the weights of testdata/make_matterport.py.
func kerasValues(name string, shape []int) []float32 {
	n := 1
	for _, k := range shape {
		n *= k
	}
	layer, part, _ := strings.Cut(name, "/")
	values, fan := golden.Numbers(name, n), n/shape[len(shape)-1]
	if layer == "mrcnn_mask_deconv" {
		fan = shape[len(shape)-1]
	}
	gain := 1.0
	if g, ok := gains[layer]; ok {
		gain = g
	}
	for i, v := range values {
		switch part {
		case "kernel":
			values[i] = v * float32(math.Sqrt(3/float64(fan))*gain)
		case "gamma", "moving_variance":
			values[i] = 1 + 0.1*v
			if name == "bn_conv1/moving_variance" {
				values[i] *= 4000
			}
		default:
			values[i] = 0.1 * v
		}
	}
	return values
}

// kerasSource is a file of the network in testdata/make_matterport.py, or of one with another backbone, that isn't written.
func kerasSource(backbone string) *source {
	config := maskrcnn.Matterport(backbone, 3)
	config.Width, config.ProposalWidth, config.HeadWidth, config.MaskWidth = 16, 24, 32, 16
	s := newSource("model.h5")
	s.keras = true
	for _, l := range matterportLayers(config) {
		for name, shape := range l.weights() {
			s.order = append(s.order, name)
			s.tensors[name] = entry{shape, func() (safetensors.Tensor, error) {
				return safetensors.Tensor{Name: name, Shape: shape, F32: kerasValues(name, shape)}, nil
			}}
		}
	}
	return s
}

// smallPictures sets what the file doesn't say as testdata/make_matterport.py has it.
func smallPictures(c *maskrcnn.Config) {
	c.MinSide, c.MaxSide, c.Proposals.Before, c.Proposals.After, c.Boxes.MinScore, c.Boxes.MaxFound = 64, 128, 300, 60, 0.4, 20
}

// TestMatterport compares detections with those of an independent implementation.
func TestMatterport(t *testing.T) {
	f, d := golden.Read(t, "testdata/matterport.safetensors"), golden.Device(t)
	c := &Checkpoint{Path: "model.h5", source: kerasSource("resnet50")}
	if err := c.describe(); err != nil {
		t.Fatal(err)
	}
	if c.MaskRCNN.Backbone != "resnet50" || c.MaskRCNN.Classes != 3 || c.MaskRCNN.MaxSide != 1024 {
		t.Errorf("describes %+v", c.MaskRCNN)
	}
	if found := c.Found(); len(found) != 1 || found[0].Kind != "maskrcnn" {
		t.Errorf("found %+v", found)
	}
	smallPictures(c.MaskRCNN)
	built, err := c.Build(d)
	if err != nil {
		t.Fatal(err)
	}
	built.MaskRCNN.SetTraining(false)
	x, sizes := squares(d, *c.MaskRCNN)
	for i, found := range built.MaskRCNN.Detect(x, sizes) {
		var boxes []detect.Box
		var scores, labels, some []float32
		for _, o := range found {
			boxes, scores, labels = append(boxes, o.Box), append(scores, float32(o.Score)), append(labels, float32(o.Class+1))
			for y := 0; y < 28; y += 5 {
				for x := 0; x < 28; x += 5 {
					some = append(some, o.Probabilities[28*y+x])
				}
			}
		}
		for name, got := range map[string][]float32{"boxes": detect.Values(boxes), "scores": scores, "labels": labels, "masks": some} {
			golden.Near(t, name, got, golden.Floats(t, f, fmt.Sprintf("%s.%d", name, i)), 1e-4)
		}
	}
}

// squares are the pictures of testdata/make_matterport.py.
func squares(d *tensor.Device, c maskrcnn.Config) (*tensor.Tensor, []maskrcnn.Size) {
	sizes := []maskrcnn.Size{{Height: 96, Width: 128}, {Height: 128, Width: 100}}
	side := c.MaxSide
	values := make([]float32, len(sizes)*side*side*3)
	for i := range values {
		values[i] = -1 // black
	}
	for i, size := range sizes {
		left, top := c.Corner(size)
		for k, v := range golden.Numbers(fmt.Sprintf("picture %d", i), size.Height*size.Width*3) {
			y, x := top+k/3/size.Width, left+k/3%size.Width
			values[((i*side+y)*side+x)*3+k%3] = float32(math.Floor((float64(v)+1)*127.5)/127.5 - 1)
		}
	}
	return d.From(values, len(sizes), side, side, 3), sizes
}

// TestMatterportFile reads the file that testdata/make_matterport.py writes with h5py.
func TestMatterportFile(t *testing.T) {
	python := os.Getenv("BESTIARY_PYTORCH")
	if python == "" {
		t.Skip("BESTIARY_PYTORCH names no Python with torch and h5py")
	}
	path := filepath.Join(t.TempDir(), "model.h5")
	if out, err := exec.Command(python, "testdata/make_matterport.py", path).CombinedOutput(); err != nil {
		if strings.Contains(string(out), "No module named 'h5py'") {
			t.Skip("this Python has no h5py")
		}
		t.Fatalf("%v: %s", err, out)
	}
	c, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	d := golden.CPU(t)
	built, err := c.Build(d)
	if err != nil {
		t.Fatal(err)
	}
	want, err := kerasSource("resnet50").maskRCNN(d, *c.MaskRCNN)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := nn.Checksum(want), nn.Checksum(built.MaskRCNN); a != b {
		t.Errorf("weights %s, want %s", b, a)
	}
	if err := os.Truncate(path, 1<<26); err != nil {
		t.Fatal(err)
	}
	if c, err := Read(path); err == nil {
		defer c.Close()
		if _, err = c.Build(d); err == nil || !strings.Contains(err.Error(), "cut short") {
			t.Errorf("a truncated file: %v", err)
		}
	} else if !strings.Contains(err.Error(), "cut short") {
		t.Errorf("a truncated file: %v", err)
	}
}

// TestMatterportRefused: files of other models are refused, and ResNet-101 is told from ResNet-50.
func TestMatterportRefused(t *testing.T) {
	deep := &Checkpoint{source: kerasSource("resnet101")}
	if err := deep.describe(); err != nil || deep.MaskRCNN.Backbone != "resnet101" {
		t.Errorf("ResNet-101: %+v, %v", deep.MaskRCNN, err)
	}
	for what, change := range map[string]func(s *source){
		"res2a_branch2a":       func(s *source) { delete(s.tensors, "res2a_branch2a/kernel") },
		`"bn4c_branch2b/beta"`: func(s *source) { delete(s.tensors, "bn4c_branch2b/beta") },
		"[3 3 16 16]":          func(s *source) { s.tensors["fpn_p3/kernel"] = entry{shape: []int{3, 3, 16, 8}} },
		"stage5_unit1":         func(s *source) { s.order = append(s.order, "stage5_unit1/kernel") },
		"Classes":              func(s *source) { s.tensors[matterportClasses] = entry{shape: []int{32, 1}} },
	} {
		c := &Checkpoint{source: kerasSource("resnet50")}
		change(c.source)
		if err := c.describe(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
	if _, err := Read("../hdf5/testdata/keras.h5"); err == nil || !strings.Contains(err.Error(), "mrcnn_class_logits") {
		t.Errorf("another model of Keras: %v", err)
	}
	s := kerasSource("resnet50")
	s.tensors["bn_conv1/moving_variance"] = entry{[]int{64}, func() (safetensors.Tensor, error) {
		return safetensors.Tensor{F32: make([]float32, 64), Shape: []int{64}}, fmt.Errorf("can't be read")
	}}
	if _, err := s.maskRCNN(golden.CPU(t), maskrcnn.Matterport("resnet50", 3)); err == nil || !strings.Contains(err.Error(), "can't be read") {
		t.Errorf("weights that can't be read: %v", err)
	}
}

func TestKerasNames(t *testing.T) {
	for path, want := range map[string]string{
		"conv1/conv1/kernel:0": "conv1/kernel", "conv1/conv1_1/kernel:0": "conv1/kernel", "bn_conv1/bn_conv1/gamma:0": "bn_conv1/gamma",
		"rpn_model/rpn_conv_shared/bias:0": "rpn_conv_shared/bias", "rpn_model/rpn_bbox_pred_1/bias:0": "rpn_bbox_pred/bias",
	} {
		if got := kerasName(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if names, ids := COCOClasses(80); len(names) != 80 || names[15] != "cat" || ids[15] != 17 || ids[79] != 90 {
		t.Errorf("classes %q, %v", names, ids)
	}
	if !hdf5.Is([]byte("\x89HDF\r\n\x1a\n\x00")) || hdf5.Is([]byte("PK")) {
		t.Error("HDF5 is not told from other files")
	}
}
