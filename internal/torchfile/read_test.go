package torchfile

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/google/go-cmp/cmp"
)

func load(t *testing.T, path string) *Dict {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	root, ok := f.Root.(*Dict)
	if !ok {
		t.Fatalf("%s holds a %T", path, f.Root)
	}
	return root
}

func get(t *testing.T, d *Dict, key any) any {
	t.Helper()
	v, ok := d.Get(key)
	if !ok {
		t.Fatalf("there is no %v", key)
	}
	return v
}

// dict and tuple are what plain makes of dictionaries and tuples, so that they can be compared with what was meant.
type dict struct {
	Ordered bool
	Items   []any // keys and values that alternate
}

type tuple []any

// plain is a tree with its tensors loaded.
func plain(t *testing.T, v any) any {
	t.Helper()
	all := func(items []any) []any {
		plains := []any{}
		for _, item := range items {
			plains = append(plains, plain(t, item))
		}
		return plains
	}
	switch v := v.(type) {
	case List:
		return all(v)
	case Tuple:
		return tuple(all(v))
	case *Dict:
		d := dict{Ordered: v.Ordered}
		for key, value := range v.All() {
			d.Items = append(d.Items, key, plain(t, value))
		}
		return d
	case *safetensors.Tensor:
		return *v
	case *Tensor:
		loaded, err := v.Load()
		if err != nil {
			t.Fatal(err)
		}
		return loaded
	}
	return v
}

// written is what testdata/make.py writes.
func written() map[string]any {
	f32 := func(shape []int, values ...float32) safetensors.Tensor {
		return safetensors.Tensor{DType: safetensors.F32, Shape: shape, F32: values}
	}
	var base, permuted []float32
	for i := range 24 {
		base = append(base, float32(i))
		permuted = append(permuted, float32(4*(i%6)+i/6))
	}
	one, two, three, four := int64(1), int64(2), int64(3), int64(4)
	return map[string]any{
		"ordered": dict{true, []any{"b", one, "a", two}},
		"plain": []any{nil, true, false, int64(0), int64(255), int64(65535), int64(-1), int64(math.MaxInt32), int64(math.MinInt32),
			int64(1 << 40), int64(-1 << 40), 0.5, math.Inf(1), "héllo", ""},
		"tuple":     tuple{one, tuple{two, three}, tuple{}, tuple{"a"}, tuple{one, two, three, four}},
		"keys":      dict{false, []any{int64(0), "zero", 1.5, "float", nil, "none", true, "true"}},
		"size":      tuple{two, three, four},
		"module":    dict{true, []any{"weight", f32([]int{1, 2}, 0.5, -2), "bias", f32([]int{1}, 3)}},
		"parameter": f32([]int{1, 2}, 0.5, -2),
		"base":      f32([]int{2, 3, 4}, base...),
		"permuted":  f32([]int{4, 2, 3}, permuted...),
		"sliced":    f32([]int{1, 2, 2}, 13, 14, 21, 22),
		"expanded":  f32([]int{2, 3}, 0, 0, 0, 1, 1, 1),
		"scalar":    f32([]int{}, 7.5),
		"empty":     f32([]int{0, 3}, []float32{}...),
		"float64":   safetensors.Tensor{DType: safetensors.F64, Shape: []int{2}, F64: []float64{1e-300, -1}},
		"float16":   safetensors.Tensor{DType: safetensors.F16, Shape: []int{3}, F32: []float32{0.099975586, -65504, 5.9604645e-08}},
		"bfloat16":  safetensors.Tensor{DType: safetensors.BF16, Shape: []int{2}, F32: []float32{0.10009765625, -3.0040553e38}},
		"int64":     safetensors.Tensor{DType: safetensors.I64, Shape: []int{2}, I64: []int64{-1 << 62, 5}},
		"int32":     safetensors.Tensor{DType: safetensors.I32, Shape: []int{2}, I32: []int32{-7, math.MaxInt32}},
		"int16":     safetensors.Tensor{DType: safetensors.I32, Shape: []int{2}, I32: []int32{-300, 300}},
		"int8":      safetensors.Tensor{DType: safetensors.I32, Shape: []int{2}, I32: []int32{-128, 127}},
		"uint8":     safetensors.Tensor{DType: safetensors.U8, Shape: []int{2}, U8: []uint8{0, 255}},
		"bool":      safetensors.Tensor{DType: safetensors.BOOL, Shape: []int{2}, Bool: []bool{true, false}},
	}
}

// TestRead reads what torch wrote in its three forms.
func TestRead(t *testing.T) {
	want := written()
	for _, form := range []string{"values.pt", "values-protocol4.pt", "values-legacy.pt"} {
		root := load(t, "testdata/"+form)
		if root.Len() != len(want) {
			t.Errorf("%s: %d values, want %d", form, root.Len(), len(want))
		}
		for key, value := range want {
			if diff := cmp.Diff(value, plain(t, get(t, root, key))); diff != "" {
				t.Errorf("%s: %s:\n%s", form, key, diff)
			}
		}
	}
}

// TestShared reads the same tensor of several names, and writes it once.
func TestShared(t *testing.T) {
	tied := &safetensors.Tensor{DType: safetensors.F32, Shape: []int{2}, F32: []float32{1, 2}}
	path := t.TempDir() + "/tied.pt"
	if err := Write(path, NewDict("a", tied, "b", tied)); err != nil {
		t.Fatal(err)
	}
	root := load(t, path)
	a, b := get(t, root, "a").(*Tensor), get(t, root, "b").(*Tensor)
	if a != b {
		t.Error("a tied tensor is written or read twice")
	}
	if v := plain(t, a).(safetensors.Tensor); !slices.Equal(v.F32, tied.F32) {
		t.Errorf("it is %v, want %v", v.F32, tied.F32)
	}
}

// TestWrite writes what it read, and reads it again.
func TestWrite(t *testing.T) {
	root := NewDict()
	for key, value := range load(t, "testdata/values.pt").All() {
		root.Set(key, copied(t, value))
	}
	path := t.TempDir() + "/copy.pt"
	if err := Write(path, root); err != nil {
		t.Fatal(err)
	}
	again := load(t, path)
	for key, value := range root.All() {
		if diff := cmp.Diff(plain(t, value), plain(t, get(t, again, key))); diff != "" {
			t.Errorf("%v:\n%s", key, diff)
		}
	}
	if again.Len() != root.Len() {
		t.Errorf("%d values, want %d", again.Len(), root.Len())
	}
	for _, bad := range []any{
		struct{}{}, "\xff", NewDict(struct{}{}, 1),
		&safetensors.Tensor{DType: safetensors.F16, Shape: []int{1}, F32: []float32{1}},
		&safetensors.Tensor{DType: safetensors.F32, Shape: []int{2}, F32: []float32{1}},
	} {
		if err := Write(path, List{bad}); err == nil {
			t.Errorf("%v is written", bad)
		}
	}
	load(t, path) // what was there is there still
}

// copied is a tree with tensors in memory, of types that can be written.
func copied(t *testing.T, v any) any {
	switch v := v.(type) {
	case *Tensor:
		loaded := plain(t, v).(safetensors.Tensor)
		if loaded.DType == safetensors.F16 || loaded.DType == safetensors.BF16 {
			loaded.DType = safetensors.F32
		}
		return &loaded
	case *Dict:
		d := &Dict{Ordered: v.Ordered}
		for key, value := range v.All() {
			d.Set(key, copied(t, value))
		}
		return d
	}
	return v
}

func ExampleOpen() {
	f, err := Open("testdata/values.pt")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	v, _ := f.Root.(*Dict).Get("sliced")
	t, err := v.(*Tensor).Load()
	fmt.Println(t.Shape, t.F32, err)
	// Output: [1 2 2] [13 14 21 22] <nil>
}

// TestEmpty reads tensors without elements, wherever the size of zero stands.
func TestEmpty(t *testing.T) {
	f, err := Open("testdata/empty.pt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	root := f.Root.(*Dict)
	for name, shape := range map[string][]int{"a": {3, 0}, "b": {0, 3}, "c": {2, 3, 0}, "d": {0}, "e": {4, 0}, "f": {4, 0}} {
		v, _ := root.Get(name)
		got, err := v.(*Tensor).Load()
		if err != nil || !slices.Equal(got.Shape, shape) || got.Len() != 0 {
			t.Errorf("%s: %v %v, want shape %v", name, got.Shape, err, shape)
		}
	}
}
