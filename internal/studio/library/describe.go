package library

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/models"
)

// Run describes a run.
type Run struct {
	Name     string    `json:"name"`
	Models   []Model   `json:"models"`
	Data     *Data     `json:"data,omitempty"`
	Detector *Detector `json:"detector,omitempty"` // nil: the run has none
	Problem  string    `json:"problem,omitempty"`  // why it can't be used
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
		about, text, flows := l.read(name, dir), []string(nil), []string(nil)
		if about.Problem == "" {
			text, flows = generators(dir) // a damaged run is listed, but nothing draws with it
			if err := incomplete(dir, text); err != nil {
				about.Problem, text, flows = l.hide(dir, name, err), nil, nil
			}
		}
		return description{about, text, flows}
	})
}

// incomplete says what a run lacks without which its generators for prompts can't draw.
func incomplete(dir string, generators []string) error {
	if len(generators) == 0 {
		return nil
	}
	r, err := run.Open(dir)
	if err != nil {
		return err
	}
	if _, err := r.LoadTokenizer(); err != nil {
		return err
	}
	for _, g := range generators {
		codecs := models.Codecs()
		if g == models.Rectified.Name {
			codecs = []string{models.KL.Name}
		}
		if !slices.ContainsFunc(codecs, r.HasWeights) {
			return fmt.Errorf("it has no trained %s, which its %s needs; restore the file, or train it", codecs[0], g)
		}
	}
	return nil
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
			if size, ok := detectorSize(c); ok && m.Trained {
				if about.Detector, err = detectorOf(r, kind.Name, size); err != nil {
					m.Problem = l.hide(dir, name, err)
				}
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

// hide returns the text of an error with the name of a run in place of its folder.
func (l *Library) hide(dir, name string, err error) string {
	text := err.Error()
	if abs, e := filepath.Abs(dir); e == nil {
		text = strings.ReplaceAll(text, abs, name)
	}
	return problem.Hide(strings.ReplaceAll(text, dir, name))
}
