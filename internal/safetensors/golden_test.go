package safetensors

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGolden reads the reference values, which PyTorch and the format's own library wrote.
func TestGolden(t *testing.T) {
	dir := os.Getenv("BESTIARY_GOLDEN")
	if dir == "" {
		t.Skip("BESTIARY_GOLDEN does not name the folder of the reference values")
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	if len(paths) == 0 {
		t.Fatalf("%s holds no .safetensors", dir)
	}
	for _, path := range paths {
		f, err := Read(path)
		if err != nil {
			t.Error(err)
			continue
		}
		var tensors []Tensor
		for _, name := range f.Names() {
			tensor, _ := f.Tensor(name)
			tensors = append(tensors, *tensor)
		}
		again, err := decodeBytes(encoded(t, tensors, f.Metadata))
		if err != nil || !cmp.Equal(f.tensors, again.tensors) {
			t.Errorf("%s does not survive a round trip (%v)", path, err)
		}
	}
}

func TestHalfPrecision(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	cases := []struct {
		dtype DType
		bits  uint16
		want  float32
	}{
		{F16, 0x0000, 0}, {F16, 0x3c00, 1}, {F16, 0xc000, -2}, {F16, 0x7bff, 65504}, {F16, 0x3555, 0.33325195},
		{F16, 0x0001, 5.9604645e-8}, {F16, 0x83ff, -6.097555e-5}, {F16, 0x0400, 6.1035156e-5},
		{F16, 0x7c00, inf}, {F16, 0xfc00, -inf}, {F16, 0x7e01, nan},
		{BF16, 0x3f80, 1}, {BF16, 0xc049, -3.140625}, {BF16, 0x7f80, inf}, {BF16, 0x0001, 9.1835e-41}, {BF16, 0x7fc0, nan},
	}
	for _, c := range cases {
		header := fmt.Sprintf(`{"x":{"dtype":%q,"shape":[],"data_offsets":[0,2]}}`, c.dtype)
		f, err := decodeBytes(raw(header, byte(c.bits), byte(c.bits>>8)))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := f.Float32("x")
		if err != nil || (got[0] != c.want && (got[0] == got[0] || c.want == c.want)) {
			t.Errorf("%s %#04x: %g, want %g (error %v)", c.dtype, c.bits, got, c.want, err)
		}
	}
	if f, _ := decodeBytes(raw(`{"x":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}`, 0, 0x80)); !math.Signbit(float64(f.tensors["x"].F32[0])) {
		t.Error("-0 lost its sign")
	}
}

func TestForeignFiles(t *testing.T) {
	for _, header := range []string{`{}`, `{"__metadata__":null}  `, `{"__metadata__":{"format":"pt"}}`} {
		if f, err := decodeBytes(raw(header)); err != nil || f.Metadata == nil || len(f.Names()) != 0 {
			t.Errorf("%s: %v", header, err)
		}
	}
}
