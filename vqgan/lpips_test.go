package vqgan

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/tensor"
)

// numbers are those of waves in make_golden.py.
func numbers(i int, shape ...int) []float32 {
	n := 1
	for _, s := range shape {
		n *= s
	}
	v := make([]float32, n)
	for k := range v {
		v[k] = float32(math.Sin(float64(k)*(0.7+0.01*float64(i)) + float64(i)))
	}
	return v
}

// lpipsWeights are the weights of the golden values, in the order of the reference's parameters.
func lpipsWeights() (all []safetensors.Tensor) {
	add := func(name string, change func(v float32) float32, shape ...int) {
		v := numbers(len(all), shape...)
		for k := range v {
			v[k] = change(v[k])
		}
		all = append(all, safetensors.Tensor{Name: name, DType: safetensors.F32, Shape: shape, F32: v})
	}
	from := 3
	for _, v := range vggLayers {
		name := fmt.Sprintf("net.slice%d.%d.", v.slice, v.layer)
		add(name+"weight", func(w float32) float32 { return w * 2 / float32(math.Sqrt(float64(9*from))) }, v.channels, from, 3, 3)
		add(name+"bias", func(w float32) float32 { return w * 0.1 }, v.channels)
		from = v.channels
	}
	for i, channels := range []int{64, 128, 256, 512, 512} {
		add(fmt.Sprintf("lin%d.model.1.weight", i), func(w float32) float32 { return max(w, -w) }, 1, channels, 1, 1)
	}
	return all
}

// TestGoldenLPIPS compares the distance and its gradient with LPIPS of taming-transformers.
func TestGoldenLPIPS(t *testing.T) {
	d, f := exact(t), golden.Read(t, "testdata/lpips.safetensors")
	path := filepath.Join(t.TempDir(), "lpips.safetensors")
	all := lpipsWeights()
	if err := safetensors.Write(path, all, nil); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLPIPS(path, d)
	if err != nil {
		t.Fatal(err)
	}
	x := d.From(numbers(100, 2, 3, 16, 16), 2, 3, 16, 16).Permute(0, 2, 3, 1).Keep().SetRequiresGrad(true)
	y := d.From(numbers(101, 2, 3, 16, 16), 2, 3, 16, 16).Permute(0, 2, 3, 1)
	s := d.Record()
	defer s.End()
	distance := l.Perceptual().Distance(x, y)
	distance.Backward()
	golden.Near(t, "distance", distance.Values(), golden.Floats(t, f, "distance"), 1e-4)
	golden.Near(t, "gradient", x.Grad().Values(), golden.Tensor(t, d, f, "gradient").Values(), 1e-4)

	var damaged *fault.DamagedFile
	if err := safetensors.Write(path, all[1:], nil); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLPIPS(path, d); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "net.slice1.0.weight") {
		t.Errorf("without the first layer: %v", err)
	}
	all[0].Shape = []int{3, 64, 3, 3}
	if err := safetensors.Write(path, all, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLPIPS(path, d); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "[64 3 3 3]") {
		t.Errorf("another shape: %v", err)
	}
}

// TestVGG16 opens torchvision's layout: all features count the same.
func TestVGG16(t *testing.T) {
	d, path := golden.CPU(t), filepath.Join(t.TempDir(), "vgg16.safetensors")
	var all []safetensors.Tensor
	for _, w := range lpipsWeights() {
		if slice, layer := 0, ""; strings.HasPrefix(w.Name, "net.slice") {
			fmt.Sscanf(w.Name, "net.slice%d.%s", &slice, &layer)
			w.Name = "features." + layer
			all = append(all, w)
		}
	}
	all = append(all, safetensors.Tensor{Name: "classifier.0.bias", DType: safetensors.F32, Shape: []int{1}, F32: []float32{1}})
	if err := safetensors.Write(path, all, nil); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLPIPS(path, d)
	if err != nil {
		t.Fatal(err)
	}
	p := l.Perceptual()
	if p.Weights != nil {
		t.Error("the features have weights")
	}
	var _ *tensor.Tensor = p.Distance(waves(d, 1, 32, 3), waves(d, 1, 32, 3))
}
