package inception

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// numbers are those of testdata/make_golden.py.
func numbers(name string, n int) []float32 {
	state := uint64(14695981039346656037)
	for _, b := range []byte(name) {
		state = (state ^ uint64(b)) * 1099511628211
	}
	out := make([]float32, n)
	for i := range out {
		state = state*6364136223846793005 + 1442695040888963407
		out[i] = float32(float64(state>>40)/(1<<23) - 1)
	}
	return out
}

func pictures(n, size int) []uint8 {
	pixels := make([]uint8, n*size*size*3)
	for i, v := range numbers("pictures", len(pixels)) {
		raised := v + 1
		pixels[i] = uint8(raised * float32(127.9))
	}
	return pixels
}

// initialise sets the weights of testdata/make_golden.py.
func initialise(t *testing.T, m *Inception) {
	t.Helper()
	var all []safetensors.Tensor
	m.Visit("", func(p nn.Param) {
		s := weights.Save(p)
		if p.Tensor.IsInts() {
			all = append(all, s)
			return
		}
		s.F32 = numbers(p.Path, len(s.F32))
		for i, v := range s.F32 {
			switch {
			case strings.HasSuffix(p.Path, "conv.weight"):
				s.F32[i] = v * float32(math.Sqrt(6/float64(s.Shape[1]*s.Shape[2]*s.Shape[3])))
			case strings.HasSuffix(p.Path, "bn.weight"), strings.HasSuffix(p.Path, "running_var"):
				half := 0.5 * v
				s.F32[i] = 1 + half
			default:
				s.F32[i] = 0.1 * v
			}
		}
		all = append(all, s)
	})
	if err := weights.Load(m, safetensors.NewFile("made", all, nil), ""); err != nil {
		t.Fatal(err)
	}
}

// TestGolden compares the features of narrow networks with those of pytorch-fid's InceptionV3.
func TestGolden(t *testing.T) {
	f := golden.Read(t, "testdata/inception.safetensors")
	row := resize(pictures(2, 48), 2, 48)[(Size+150)*Size*3:][:Size*3]
	golden.Near(t, "resized row", row, golden.Floats(t, f, "row"), 1e-5)
	golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
		for name, torchvision := range map[string]bool{"fid": false, "torchvision": true} {
			m, err := New(d, Config{Torchvision: torchvision, Width: 16})
			if err != nil {
				t.Fatal(err)
			}
			initialise(t, m)
			features, err := m.Features(pictures(2, 48), 48)
			if err != nil {
				t.Fatal(err)
			}
			golden.Near(t, name, features.Values(), golden.Floats(t, f, name), 1e-4)
		}
	})
}

func TestErrors(t *testing.T) {
	var wrong *fault.FieldError
	if _, err := New(golden.CPU(t), Config{Width: 3}); !errors.As(err, &wrong) || wrong.Field != "Width" {
		t.Error(err)
	}
	m, err := New(golden.CPU(t), Config{Width: 16})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Features(make([]uint8, 10), 4); !errors.As(err, &wrong) || wrong.Field != "Pixels" {
		t.Error(err)
	}
	if m.Config().Features() != 128 || !strings.Contains(m.String(), "[N, 128]") {
		t.Error(m)
	}
}
