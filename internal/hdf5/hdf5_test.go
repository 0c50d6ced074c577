package hdf5

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
)

// TestKeras reads what testdata/make_files.py wrote with h5py.
func TestKeras(t *testing.T) {
	f, err := Open("testdata/keras.h5")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string]*Dataset{}
	for _, d := range f.Datasets {
		all[d.Path] = d
	}
	if len(all) != 157 || len(f.Datasets) != 157 {
		t.Errorf("has %d datasets, want 157", len(f.Datasets))
	}
	ramp := make([]float32, 24)
	for i := range ramp {
		ramp[i] = float32(i) / 8
	}
	for path, want := range map[string]struct {
		shape  []int
		values []float32
	}{
		"conv1/conv1/kernel:0":               {[]int{2, 3, 4}, ramp},
		"conv1/conv1/bias:0":                 {[]int{2}, []float32{0.5, -2}},
		"layer149":                           {[]int{2}, []float32{0.5, -2}},
		"rpn_model/rpn_conv_shared/kernel:0": {nil, []float32{3}},
		"odd/empty":                          {[]int{0, 4}, nil},
	} {
		d := all[path]
		if d == nil {
			t.Errorf("%s is missing", path)
			continue
		}
		if got, err := d.Floats(); err != nil || !reflect.DeepEqual(got, want.values) || !reflect.DeepEqual(d.Shape, want.shape) {
			t.Errorf("%s is %v of %v, %v", path, got, d.Shape, err)
		}
	}
	for path, want := range map[string]string{"odd/whole": "float32 or float64", "odd/chunks": "compressed"} {
		if _, err := all[path].Floats(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// refused reads all values, and checks that an error is one about the file.
func refused(t *testing.T, path string) error {
	f, err := Open(path)
	if err == nil {
		defer f.Close()
		for _, d := range f.Datasets {
			if _, failed := d.Floats(); failed != nil {
				err = failed
			}
		}
	}
	var damaged *fault.DamagedFile
	if err != nil && (!errors.As(err, &damaged) || strings.Contains(err.Error(), "\n")) {
		t.Errorf("%v", err)
	}
	return err
}

func TestRefused(t *testing.T) {
	if err := refused(t, "testdata/newer.h5"); err == nil || !strings.Contains(err.Error(), "libver") {
		t.Errorf("newer groups: %v", err)
	}
	whole, err := os.ReadFile("testdata/keras.h5")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.h5")
	write := func(b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for n := 0; n < len(whole)/2; n += 1531 {
		write(whole[:n])
		if refused(t, path) == nil {
			t.Errorf("the first %d of %d bytes are read", n, len(whole))
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	changed := 0
	for range 300 { // no panic and no more memory than the file takes, whatever the bytes are
		b := append([]byte(nil), whole...)
		for range 1 + r.IntN(4) {
			at := r.IntN(len(b))
			for b[at] == 0 && r.IntN(8) > 0 {
				at = r.IntN(len(b))
			}
			b[at] = byte(r.IntN(256))
		}
		write(b)
		f, err := Open(path)
		if err != nil {
			changed++
			continue
		}
		for _, d := range f.Datasets {
			if v, err := d.Floats(); err == nil && 4*len(v) > len(b) {
				t.Fatalf("%s has %d values in a file of %d bytes", d.Path, len(v), len(b))
			}
		}
		f.Close()
	}
	if changed < 10 {
		t.Errorf("%d of the changed files are refused", changed)
	}
}
