package library

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/regular"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/models"
)

// Metrics returns the lines of a model's log, at most that many: later ones of several.
func (l *Library) Metrics(name, model string, most int) ([]run.Line, error) {
	dir, err := l.Path(name)
	if err != nil {
		return nil, err
	}
	if _, ok := models.Lookup(model); !ok {
		return nil, problem.At(http.StatusNotFound, "model", "there is no kind of models %q", model)
	}
	r, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	lines, err := r.Metrics(model)
	if err != nil {
		return nil, problem.At(http.StatusNotFound, "model", "run %q has no log of a training", name)
	}
	if len(lines) > most { // thinned out evenly, the last one included
		thin := make([]run.Line, 0, most)
		for i := range most {
			thin = append(thin, lines[(i+1)*len(lines)/most-1])
		}
		lines = thin
	}
	return lines, nil
}

// Samples returns the names of the sample grids of a run's trainings, sorted.
func (l *Library) Samples(name string) ([]string, error) {
	dir, err := l.Path(name)
	if err != nil {
		return nil, err
	}
	entries, _ := os.ReadDir(filepath.Join(dir, "samples")) // a run without the folder has none
	names := []string{}
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), ".png") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Sample reads a sample grid of a run.
func (l *Library) Sample(name, file string) ([]byte, error) {
	names, err := l.Samples(name)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, file) {
		return nil, problem.New(http.StatusNotFound, "run %q has no samples %q", name, file)
	}
	dir, err := l.Path(name)
	if err != nil {
		return nil, err
	}
	return regular.ReadFile(filepath.Join(dir, "samples", file), 256<<20)
}
