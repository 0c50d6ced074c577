// Package library lists the run folders of a server and opens their pipelines.
package library

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/regular"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/models"
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
	return "", problem.New(http.StatusNotFound, "there is no run %q", name)
}

// Run describes a run.
type Run struct {
	Name     string    `json:"name"`
	Models   []Model   `json:"models"`
	Data     *Data     `json:"data,omitempty"`
	Problem  string    `json:"problem,omitempty"` // why it can't be used
	Training string    `json:"training,omitempty"`
	Changed  time.Time `json:"changed"`
}

// Data describes the pictures of a run.
type Data struct {
	Name     string   `json:"name"`
	Size     int      `json:"size"`
	Channels int      `json:"channels"`
	Classes  []string `json:"classes"`
	Pictures int      `json:"pictures"`
	HeldOut  int      `json:"held_out"`
}

// Model describes a model of a run.
type Model struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Summary string `json:"summary"`
	Trained bool   `json:"trained"`
	Step    int    `json:"step"` // the last that is logged
	Steps   int    `json:"steps,omitempty"`

	Parameters int `json:"parameters,omitempty"`

	Problem string `json:"problem,omitempty"`
	Config  any    `json:"config,omitempty"`
	Options any    `json:"options,omitempty"`
}

// Get describes a run. What is wrong with it stands in Problem.
func (l *Library) Get(name string) (Run, error) {
	dir, err := l.Path(name)
	if err != nil {
		return Run{}, err
	}
	return l.describe(name, dir).Run, nil
}

// All describes all runs.
func (l *Library) All() []Run {
	all := []Run{}
	folders := l.folders()
	for _, name := range l.Names() {
		if dir, ok := folders[name]; ok {
			all = append(all, l.describe(name, dir).Run)
		}
	}
	return all
}

// describe returns the description of a run, anew if one of its files has changed.
func (l *Library) describe(name, dir string) description {
	return l.seen.describe(dir, func() description {
		text, flows := generators(dir)
		return description{l.read(name, dir), text, flows}
	})
}

func (l *Library) read(name, dir string) Run {
	about := Run{Name: name, Models: []Model{}}
	if info, err := os.Stat(filepath.Join(dir, "config.json")); err == nil {
		about.Changed = info.ModTime()
	}
	if info, err := os.Stat(filepath.Join(dir, "metrics.jsonl")); err == nil && info.ModTime().After(about.Changed) {
		about.Changed = info.ModTime()
	}
	r, err := run.Open(dir)
	if err != nil {
		about.Problem = l.hide(dir, name, err)
		return about
	}
	if r.HasData() {
		var d data.Description
		if err := r.Data(&d); err == nil {
			about.Data = &Data{
				Name: filepath.Base(d.Path), Size: d.Size, Channels: max(3, d.Channels), Classes: d.Classes, Pictures: d.Pictures, HeldOut: d.HeldOut,
			}
		} else if !r.HasWeights(models.Density.Name) {
			about.Problem = l.hide(dir, name, err)
		}
	}
	for _, kind := range models.All() {
		if !r.HasWeights(kind.Name) && !r.HasTraining(kind.Name) {
			continue
		}
		m := Model{Name: kind.Name, Title: kind.Title, Trained: r.HasWeights(kind.Name)}
		if c, err := models.Config(dir, kind.Name); err == nil {
			m.Config = c
			if f, err := models.Describe(kind.Name, c); err == nil {
				m.Summary = f.Summary
			}
		} else if m.Trained {
			m.Problem = l.hide(dir, name, err)
		}
		if m.Trained && m.Problem == "" {
			m.Parameters, m.Problem = whole(r.WeightsPath(kind.Name))
		}
		var how map[string]any
		if r.Training(kind.Name, &how) == nil {
			m.Options = how
			if steps, ok := how["Steps"].(float64); ok {
				m.Steps = int(steps)
			} else if steps, ok := how["steps"].(float64); ok {
				m.Steps = int(steps)
			}
		}
		if lines, err := r.Metrics(kind.Name); err == nil && len(lines) > 0 {
			m.Step = lines[len(lines)-1].Step
		}
		if m.Problem != "" && about.Problem == "" {
			about.Problem = m.Problem
		}
		about.Models = append(about.Models, m)
	}
	return about
}

// whole returns the number of parameters in a safetensors file, and what is wrong with it, as far as its header shows.
func whole(path string) (parameters int, problem string) {
	name := filepath.Base(path)
	f, info, err := regular.Open(path)
	if err != nil {
		return 0, "" // its next content is committed under another name
	}
	defer f.Close()
	var length [8]byte
	if _, err := f.ReadAt(length[:], 0); err != nil {
		return 0, name + ": ends before its header; restore it from a copy"
	}
	n := int64(0)
	for i := 7; i >= 0; i-- {
		n = n<<8 | int64(length[i])
	}
	if n < 2 || n > 100<<20 || n > info.Size()-8 {
		return 0, name + ": ends before its header; restore it from a copy"
	}
	header := make([]byte, n)
	var tensors map[string]struct {
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	if _, err := f.ReadAt(header, 8); err != nil {
		return 0, name + ": can't be read"
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal(header, &raw) != nil {
		return 0, name + ": its header is damaged; restore it from a copy"
	}
	delete(raw, "__metadata__")
	again, _ := json.Marshal(raw)
	if json.Unmarshal(again, &tensors) != nil {
		return 0, name + ": its header is damaged; restore it from a copy"
	}
	end := int64(0)
	for tensor, t := range tensors {
		end = max(end, t.Offsets[1])
		if !statistic.MatchString(tensor) {
			size := 1
			for _, side := range t.Shape {
				size *= side
			}
			parameters += size
		}
	}
	if info.Size() != 8+n+end {
		return 0, name + ": is cut off or has been altered; restore it from a copy"
	}
	return parameters, ""
}

// statistic are the names of statistics of batch normalization, which are no parameters.
var statistic = regexp.MustCompile(`(running_mean|running_var|num_batches_tracked)$`)

// hide returns the text of an error with the name of a run in place of its folder.
func (l *Library) hide(dir, name string, err error) string {
	text := err.Error()
	if abs, e := filepath.Abs(dir); e == nil {
		text = strings.ReplaceAll(text, abs, name)
	}
	return problem.Hide(strings.ReplaceAll(text, dir, name))
}

// Metrics returns the lines of a model's log, at most that many: later ones of several.
func (l *Library) Metrics(name, model string, most int) ([]run.Line, error) {
	dir, err := l.Path(name)
	if err != nil {
		return nil, err
	}
	if _, ok := models.Lookup(model); !ok {
		return nil, problem.New(http.StatusNotFound, "there is no kind of models %q", model)
	}
	r, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	lines, err := r.Metrics(model)
	if err != nil {
		return nil, problem.New(http.StatusNotFound, "run %q has no log of a training", name)
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
