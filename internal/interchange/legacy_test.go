package interchange

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/google/go-cmp/cmp"
)

// legacy has checkpoints in the form that torch had before 1.6, and the same ones in the later form.
var legacy = map[string]string{
	"testdata/legacy/vae_full.pt":    "testdata/vae_full.pt",
	"testdata/legacy/dalle_0.2.0.pt": "testdata/versions/0.2.0-full-reversible.pt",
}

func TestLegacy(t *testing.T) {
	d := golden.Device(t)
	for path, same := range legacy {
		_, m := imported(t, d, path)
		_, want := imported(t, d, same)
		if diff := cmp.Diff(want.states(), m.states(), golden.Whole); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

// FuzzRead imports damaged checkpoints, of a form without checksums.
func FuzzRead(f *testing.F) {
	for path := range legacy {
		whole, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(whole)
	}
	d := golden.CPU(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "x.pt")
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		c, err := Read(path)
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = c.Build(d)
	})
}
