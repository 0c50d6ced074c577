package wanted

import (
	"errors"
	"go/build"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNames sets the flag.
func TestNames(t *testing.T) {
	for value, want := range map[string]int{"cpu": -1, "emulated": -1, "cuda": 0, "cuda:0": 0, "cuda:12": 12} {
		var n name
		if err := n.Set(value); err != nil || n.String() != value {
			t.Errorf("%s is %q: %v", value, n, err)
		}
		if index, ok := n.gpu(); ok != (want >= 0) || ok && index != want {
			t.Errorf("%s is GPU %d, %v", value, index, ok)
		}
	}
	for _, value := range []string{"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda1"} {
		n := name(CPU)
		if err := n.Set(value); err == nil || n != CPU {
			t.Errorf("%q is taken as %q", value, n)
		}
	}
}

// TestEveryPackageHasTheFlag looks for packages whose tests would refuse the flag.
func TestEveryPackageHasTheFlag(t *testing.T) {
	const root = "../../.."
	const wanted = "github.com/bestiary-ml/bestiary/internal/testdevice/wanted"
	bringIt := []string{ // packages that import it
		wanted, "github.com/bestiary-ml/bestiary/internal/testdevice/testgpu",
		"github.com/bestiary-ml/bestiary/internal/testdevice", "github.com/bestiary-ml/bestiary/internal/golden",
	}
	tested := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() || path == root {
			return err
		}
		if modules, _ := filepath.Glob(filepath.Join(path, "go.mod")); modules != nil { // which ./... leaves out, as these:
			return fs.SkipDir
		}
		if base := entry.Name(); base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
			return fs.SkipDir
		}
		p, err := build.ImportDir(path, 0)
		if errors.As(err, new(*build.NoGoError)) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(p.TestGoFiles)+len(p.XTestGoFiles) == 0 || path == filepath.FromSlash(root+"/internal/testdevice/wanted") {
			return nil
		}
		tested++
		if !slices.ContainsFunc(slices.Concat(p.Imports, p.TestImports, p.XTestImports), func(path string) bool { return slices.Contains(bringIt, path) }) {
			t.Errorf("the tests of %s refuse -device; in one of them, import _ %q", path, wanted)
		}
		return nil
	})
	if err != nil || tested < 30 {
		t.Errorf("%d packages with tests: %v", tested, err)
	}
}
