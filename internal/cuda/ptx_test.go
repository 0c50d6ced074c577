package cuda

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cuda/ptx"
)

// TestCompiledFromSources checks that every PTX file was compiled from the current .cu file.
func TestCompiledFromSources(t *testing.T) {
	folder := os.DirFS(".")
	sources, err := fs.Glob(folder, "*.cu")
	if err != nil || len(sources) == 0 {
		t.Fatal(sources, err)
	}
	for _, name := range sources {
		want, err := ptx.Sources(folder, name)
		if err != nil {
			t.Error(err)
			continue
		}
		compiledName := strings.TrimSuffix(name, ".cu") + ".ptx"
		text, err := compiled.ReadFile("kernels/" + compiledName)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := ptx.SourcesOf(string(text)); got != want {
			t.Errorf("%s was compiled from %q, want %q: run scripts/kernels", compiledName, got, want)
		}
	}
	if all, _ := compiled.ReadDir("kernels"); len(all) != len(sources) {
		t.Errorf("%d compiled files of %d sources", len(all), len(sources))
	}
}

// TestKernelsExist checks that the kernels that Go code names exist in their files. Every launch checks the number and the sizes
// of the parameters.
func TestKernelsExist(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`function\{"(\w+)", "(\w+)"\}`)
	count := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range named.FindAllStringSubmatch(string(source), -1) {
			text, err := compiled.ReadFile("kernels/" + name[1] + ".ptx")
			if err != nil {
				t.Errorf("%s: %v", file, err)
			} else if !strings.Contains(string(text), ".visible .entry "+name[2]+"(") {
				t.Errorf("%s: no kernel %s in %s.ptx", file, name[2], name[1])
			}
			count++
		}
	}
	if count == 0 {
		t.Error("no kernels are named")
	}
}
