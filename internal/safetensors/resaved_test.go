package safetensors

import (
	"os"
	"slices"
	"testing"
)

func ours() []Tensor {
	return []Tensor{{Name: "w", DType: F32, Shape: []int{2}, F32: []float32{1.5, -2}}, {Name: "n", DType: I64, Shape: []int{1}, I64: []int64{7}}}
}

// TestResaved reads files of ours that the format's own library has saved again, see testdata/resave.py.
func TestResaved(t *testing.T) {
	if os.Getenv("BESTIARY_WRITE") != "" {
		if err := Write("testdata/ours.safetensors", ours(), map[string]string{"format": "pt"}); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][]float32{
		"ours": {1.5, -2}, "resaved": {1.5, -2}, "resaved_changed": {3, -4}, "resaved_half": {3, -4},
	} {
		f, err := Read("testdata/" + name + ".safetensors")
		if err != nil {
			t.Error(err)
			continue
		}
		w, _, err := f.Float32("w")
		if err != nil || !slices.Equal(w, want) || f.Metadata["format"] != "pt" {
			t.Errorf("%s: %v, %v, %v", name, w, f.Metadata, err)
		}
		if _, has := f.Metadata[ChecksumKey]; has != (name == "ours") {
			t.Errorf("%s: metadata are %v", name, f.Metadata)
		}
	}
}

// TestOldLayout finds flipped bits in a file without padding, as earlier versions wrote it.
func TestOldLayout(t *testing.T) {
	whole, err := os.ReadFile("testdata/old.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeBytes(whole); err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		whole[i] ^= 1
		if f, err := decodeBytes(whole); err == nil && f.Metadata[ChecksumKey] != "" {
			t.Errorf("byte %d", i)
		}
		whole[i] ^= 1
	}
}

// FuzzDecode reads any bytes in memory that is a small multiple of their number.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"ours", "resaved", "resaved_half", "old"} {
		b, err := os.ReadFile("testdata/" + name + ".safetensors")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(encoded(f, examples(), nil))
	f.Fuzz(func(t *testing.T, b []byte) { bounded(t, b) })
}
