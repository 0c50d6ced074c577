// Package library lists the run folders of a server and opens their pipelines.
package library

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Library is a folder of runs, or one run.
type Library struct {
	dir    string
	single string // name of the run, if dir is a run itself
	device *tensor.Device
	shelf  shelf
	seen   seen
}

// New returns the library of a folder. The folder may be empty or missing.
func New(dir string, d *tensor.Device) *Library {
	l := &Library{dir: dir, device: d}
	if isRun(dir) {
		l.single = nameOf(dir)
	}
	return l
}

// nameOf is the name of a run that is served alone.
func nameOf(dir string) string {
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	return filepath.Base(dir)
}

func isRun(dir string) bool {
	for _, name := range []string{"config.json", "manifest.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// Dir returns the folder.
func (l *Library) Dir() string { return l.dir }

// Single reports whether the folder is a run itself, so that there is no room for others.
func (l *Library) Single() bool { return l.single != "" }

// maxDepth is how deep runs are looked for: a demo has the run of its birds below that of its pets.
const maxDepth = 2

// Names returns the names of the runs, sorted: their paths below the folder, with hyphens as separators.
func (l *Library) Names() []string {
	all := l.folders()
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// folders returns the run folders by name.
func (l *Library) folders() map[string]string { return l.seen.list(l.look) }

func (l *Library) look() map[string]string {
	found := map[string]string{}
	base := ""
	if l.single != "" {
		found[l.single] = l.dir
		base = l.single
	}
	var look func(dir, name string, depth int)
	look = func(dir, name string, depth int) {
		entries, _ := os.ReadDir(dir) // a folder that can't be read has no runs
		for _, e := range entries {
			if !e.IsDir() || strings.HasPrefix(e.Name(), ".") || e.Name() == "samples" || e.Name() == "events" {
				continue
			}
			path, own := filepath.Join(dir, e.Name()), e.Name()
			if name != "" {
				own = name + "-" + own
			}
			if isRun(path) {
				found[own] = path
			}
			if depth+1 < maxDepth {
				look(path, own, depth+1)
			}
		}
	}
	look(l.dir, base, 0)
	return found
}

// Path returns the folder of a run. An unknown name is an error: paths are never made of what a client says.
func (l *Library) Path(name string) (string, error) {
	if path, ok := l.folders()[name]; ok {
		return path, nil
	}
	return "", problem.At(http.StatusNotFound, "run", "there is no run %q", name)
}
