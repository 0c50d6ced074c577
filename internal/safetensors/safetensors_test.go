package safetensors

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// examples has every type that can be written, a scalar and empty tensors.
func examples() []Tensor {
	return []Tensor{
		{Name: "b.weight", DType: F32, Shape: []int{2, 3}, F32: []float32{1, -2.5, 3e-38, 1e38, 0, float32(math.Inf(1))}},
		{Name: "a.mask", DType: BOOL, Shape: []int{3}, Bool: []bool{true, false, true}},
		{Name: "step", DType: I64, Shape: []int{}, I64: []int64{-1 << 62}},
		{Name: "äöü \"<&>\n", DType: U8, Shape: []int{5, 1}, U8: []uint8{0, 1, 2, 128, 255}},
		{Name: "exact", DType: F64, Shape: []int{2}, F64: []float64{math.Pi, -0.1}},
		{Name: "codes", DType: I32, Shape: []int{1, 2}, I32: []int32{math.MinInt32, 7}},
		{Name: "none", DType: F32, Shape: []int{0, 4}, F32: []float32{}},
		{Name: "none too", DType: I64, Shape: []int{math.MaxInt, 0, math.MaxInt}, I64: []int64{}},
	}
}

func encoded(t testing.TB, tensors []Tensor, metadata map[string]string) []byte {
	t.Helper()
	if err := checkTensors(tensors, metadata); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := encode(&b, tensors, metadata); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decodeBytes(b []byte) (*File, error) { return Decode("x", bytes.NewReader(b), int64(len(b))) }

// raw puts a file together by hand.
func raw(header string, data ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.safetensors")
	metadata := map[string]string{"config": `{"a": "<b>"}`, "": "empty key"}
	if err := Write(path, examples(), metadata); err != nil {
		t.Fatal(err)
	}
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range examples() {
		got, err := f.Tensor(want.Name)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(&want, got); d != "" {
			t.Error(d)
		}
	}
	if len(f.Names()) != len(examples()) || !slices.IsSorted(f.Names()) {
		t.Errorf("names %q", f.Names())
	}
	for k, v := range metadata {
		if f.Metadata[k] != v {
			t.Errorf("metadata %q: %q, want %q", k, f.Metadata[k], v)
		}
	}
	// What was read can be written again, to the same bytes.
	first, _ := os.ReadFile(path)
	var again []Tensor
	for _, name := range f.Names() {
		tensor, _ := f.Tensor(name)
		again = append(again, *tensor)
	}
	if !bytes.Equal(first, encoded(t, again, f.Metadata)) {
		t.Error("the bytes depend on the order of the tensors or on earlier metadata")
	}
}

// TestChunks round-trips tensors around the size of the conversion buffer.
func TestChunks(t *testing.T) {
	for _, n := range []int{chunk/4 - 1, chunk / 4, chunk/4 + 1, 3*chunk/4 + 5} {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(i) * 0.37
		}
		f, err := decodeBytes(encoded(t, []Tensor{{Name: "x", DType: F32, Shape: []int{n}, F32: x}}, nil))
		if err != nil {
			t.Fatal(err)
		}
		got, shape, err := f.Float32("x")
		if err != nil || !slices.Equal(got, x) || !slices.Equal(shape, []int{n}) {
			t.Errorf("%d elements: shape %v, error %v or other values", n, shape, err)
		}
	}
}

func TestEveryTruncationAndExtensionIsRefused(t *testing.T) {
	whole := encoded(t, examples(), map[string]string{"k": "v"})
	for n := range whole {
		if _, err := decodeBytes(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(whole))
		}
		// The size is right, but the bytes end: the file shrank while being read.
		if _, err := Decode("x", bytes.NewReader(whole[:n]), int64(len(whole))); err == nil {
			t.Fatalf("%d bytes of a file that shrank were accepted", n)
		}
	}
	if _, err := decodeBytes(append(whole, 0)); err == nil || !strings.Contains(err.Error(), "follow the last tensor") {
		t.Errorf("a trailing byte: %v", err)
	}
}

func TestAccessors(t *testing.T) {
	f, err := decodeBytes(encoded(t, examples(), nil))
	if err != nil {
		t.Fatal(err)
	}
	if x, _, err := f.Float32("exact"); err != nil || x[0] != float32(math.Pi) {
		t.Errorf("F64 as float32: %v, %v", x, err)
	}
	if x, _, err := f.Float64("b.weight"); err != nil || x[1] != -2.5 {
		t.Errorf("F32 as float64: %v, %v", x, err)
	}
	if x, shape, err := f.Int64("codes"); err != nil || x[0] != math.MinInt32 || len(shape) != 2 {
		t.Errorf("I32 as int64: %v %v, %v", x, shape, err)
	}
	_, _, missing := f.Float32("c.weight")
	_, _, integer := f.Float32("codes")
	_, _, float := f.Int64("b.weight")
	for want, err := range map[string]error{`no tensor "c.weight"`: missing, "holds I32": integer, "holds F32": float} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if f.Has("c.weight") || !f.Has("codes") {
		t.Error("Has is wrong")
	}
}

func TestWriteRefuses(t *testing.T) {
	cases := map[string][]Tensor{
		"two tensors are named": {{Name: "a", DType: U8, Shape: []int{0}}, {Name: "a", DType: U8, Shape: []int{0}}},
		"cannot be a tensor's":  {{Name: metadataKey, DType: U8, Shape: []int{0}}},
		"convert it":            {{Name: "a", DType: F16, Shape: []int{0}}},
		"do not fill its shape": {{Name: "a", DType: F32, Shape: []int{2}, F32: []float32{1}}},
	}
	for want, tensors := range cases {
		path := filepath.Join(t.TempDir(), "a")
		err := Write(path, tensors, nil)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("got %v, want %q", err, want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Error("a file was written")
		}
	}
}

func TestReadPaths(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{dir: "is not a file", filepath.Join(dir, "no"): "no such file"} {
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(encoded(f, examples(), map[string]string{"k": "v"}))
	f.Add(raw(`{"x":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]},"y":{"dtype":"BOOL","shape":[],"data_offsets":[2,3]}}`, 0, 1, 1))
	f.Add(raw(`{"__metadata__":{"format":"pt"}}  `))
	f.Add(binary.LittleEndian.AppendUint64(nil, 1<<62))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := decodeBytes(b)
		if err != nil {
			return
		}
		var tensors []Tensor
		for _, name := range file.Names() {
			tensor, _ := file.Tensor(name)
			if tensor.DType == F16 || tensor.DType == BF16 {
				tensor.DType = F32
			}
			tensors = append(tensors, *tensor)
		}
		if _, err := decodeBytes(encoded(t, tensors, file.Metadata)); err != nil {
			t.Errorf("accepted, but not after writing it again: %v", err)
		}
	})
}
