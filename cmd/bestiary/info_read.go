package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/table"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/train"
)

// runInfo is what info reports. The tags are the form of --json.
type runInfo struct {
	Run       string               `json:"run"`
	Kind      string               `json:"kind,omitempty"` // pets, birds, table or classifier
	Data      *dataInfo            `json:"data,omitempty"`
	Tokenizer *runfolder.Tokenizer `json:"tokenizer,omitempty"`
	Models    []modelInfo          `json:"models"`
	Next      []nextStep           `json:"next"`
}

// dataInfo describes the pictures or the table of the run.
type dataInfo struct {
	Path    string   `json:"path"`
	Split   string   `json:"split,omitempty"`
	Part    string   `json:"part,omitempty"`
	Rows    bool     `json:"table,omitempty"` // rows of a table, not pictures
	Count   int      `json:"training,omitempty"`
	HeldOut int      `json:"held_out,omitempty"`
	Size    int      `json:"size,omitempty"`
	Classes []string `json:"classes,omitempty"`
}

// modelInfo describes a model and its training.
type modelInfo struct {
	Name       string              `json:"name"`
	Title      string              `json:"title"`
	Summary    string              `json:"summary"`
	Parameters int                 `json:"parameters"`
	Imported   string              `json:"imported,omitempty"` // the program that it is from
	Step       int                 `json:"step"`               // of the last line of metrics
	Resumable  bool                `json:"resumable"`          // there is a checkpoint
	Loss       *float64            `json:"loss,omitempty"`
	HeldOut    map[string]*float64 `json:"held_out,omitempty"` // figures of the last evaluation
	Best       *lowest             `json:"lowest_held_out_loss,omitempty"`
	Training   *train.Config       `json:"training,omitempty"`
	Config     any                 `json:"config,omitempty"`
	Problem    string              `json:"problem,omitempty"`

	evaluated int // step of the last evaluation
}

// lowest is the lowest held-out loss.
type lowest struct {
	Loss float64 `json:"loss"`
	Step int     `json:"step"`
}

// nextStep is a command and what it is for.
type nextStep struct {
	Command string `json:"command"`
	Why     string `json:"why"`
}

// readInfo reads a run folder.
func readInfo(dir string) (*runInfo, error) {
	r, err := runfolder.Open(dir)
	if err != nil {
		return nil, err
	}
	i := &runInfo{Run: dir, Models: []modelInfo{}, Next: []nextStep{}}
	for _, kind := range models.All() {
		if r.HasWeights(kind.Name) || r.HasTraining(kind.Name) {
			i.Models = append(i.Models, readModel(r, kind))
		}
	}
	if own := familyOf(i.names()); own != nil {
		i.Kind = own.name
	}
	i.Data = readData(r, slices.Contains(i.names(), models.Density.Name))
	if r.HasTokenizer() {
		if t, err := r.Tokenizer(); err == nil {
			i.Tokenizer = &t
		}
	}
	i.next(r)
	return i, nil
}

// readData returns the description of the run's data; nil if there is none.
func readData(r *runfolder.Run, isTable bool) *dataInfo {
	if isTable {
		var d table.Description
		if r.Data(&d) != nil {
			return nil
		}
		return &dataInfo{Path: d.Path, Rows: true}
	}
	var d data.Description
	if r.Data(&d) != nil {
		return nil
	}
	return &dataInfo{Path: d.Path, Split: d.Split, Part: d.Part, Count: d.Pictures, HeldOut: d.HeldOut, Size: d.Size, Classes: d.Classes}
}

// readModel describes one model. What can't be read is its problem, and no reason to show nothing.
func readModel(r *runfolder.Run, kind models.Info) modelInfo {
	m := modelInfo{Name: kind.Name, Title: kind.Title, Resumable: r.HasState(kind.Name)}
	problem := func(err error) {
		if err != nil && m.Problem == "" {
			m.Problem = err.Error()
		}
	}
	config, err := models.Config(r.Dir(), kind.Name)
	if err == nil {
		m.Config = config
		var facts models.Facts
		facts, err = models.Describe(kind.Name, config)
		m.Summary = facts.Summary
	}
	problem(err)
	if r.HasWeights(kind.Name) {
		file, err := r.ReadWeights(kind.Name)
		if err == nil {
			for _, name := range file.Names() {
				if t, err := file.Tensor(name); err == nil && !isStatistic(name) {
					m.Parameters += t.Len()
				}
			}
			m.Imported = file.Metadata["imported"]
		}
		problem(err)
	}
	if saved, err := train.Saved(r.Dir(), kind.Name); err == nil {
		m.Training = &saved
	}
	lines, err := r.Metrics(kind.Name)
	if err != nil && m.Training != nil {
		problem(err)
	}
	m.readLines(lines)
	return m
}

// isStatistic reports whether a tensor of a file is a statistic of batch normalization, which is no parameter.
func isStatistic(name string) bool {
	return strings.HasSuffix(name, "running_mean") || strings.HasSuffix(name, "running_var") || strings.HasSuffix(name, "num_batches_tracked")
}

// readLines takes losses from the lines of the log.
func (m *modelInfo) readLines(lines []runfolder.Line) {
	for _, l := range lines {
		m.Step = l.Step
		if v, ok := l.Values["loss"]; ok {
			m.Loss = known(v)
		}
		heldOut := map[string]*float64{}
		for name, v := range l.Values {
			if name, ok := strings.CutPrefix(name, "held_out."); ok {
				heldOut[name] = known(v)
			}
		}
		if len(heldOut) == 0 {
			continue
		}
		m.HeldOut, m.evaluated = heldOut, l.Step
		if v := heldOut["loss"]; v != nil && (m.Best == nil || *v < m.Best.Loss) && !math.IsNaN(*v) {
			m.Best = &lowest{*v, l.Step}
		}
	}
}

// next fills in the commands that continue from here.
func (i *runInfo) next(r *runfolder.Run) {
	add := func(why, format string, args ...any) {
		i.Next = append(i.Next, nextStep{"bestiary " + fmt.Sprintf(format, args...), why})
	}
	has := func(kinds ...string) bool {
		return slices.ContainsFunc(kinds, func(kind string) bool { return r.HasWeights(kind) })
	}
	for _, m := range i.Models {
		if m.Resumable && m.Training != nil && m.Step < m.Training.Steps && m.Training.Patience == 0 {
			add("continues the training", "train %s --%s %s --resume", m.Name, runFlagOf(m.Name), i.Run)
		}
	}
	flows, readers := []string{models.Flow.Name, models.TarFlow.Name}, []string{models.DALLE.Name, models.MaskGIT.Name, models.Rectified.Name}
	if has(models.Autoencoder.Name) && !has(models.Flow.Name) {
		add("learns the distribution of embeddings", "train flow --run %s", i.Run)
	}
	if has(models.KL.Name) && !has(models.TarFlow.Name, models.Rectified.Name) {
		add("learns the distribution of latents in each class", "train tarflow --run %s", i.Run)
		add("draws for captions", "train rectified --run %s", i.Run)
	}
	if has(models.Codecs()...) && !has(models.DALLE.Name, models.MaskGIT.Name) {
		add("learns captions and codes", "train dalle --run %s", i.Run)
	}
	if has(flows...) && has(models.Autoencoder.Name, models.KL.Name) {
		add("draws pictures", "sample --run %s --out samples.png", i.Run)
		add("walks between two classes", "interpolate --run %s --out walk.gif", i.Run)
	}
	if has(readers...) {
		if i.Tokenizer == nil {
			add("adds the tokenizer that prompts need", "import --tokenizer FILE --out %s", i.Run)
		}
		add("draws pictures for a prompt", "generate --run %s --out generated.png PROMPT", i.Run)
		if !has(models.CLIP.Name) {
			add("learns to rank pictures for generate --rank", "train clip --run %s", i.Run)
		}
	}
	if has(models.Density.Name) {
		add("scores the rows of a table", "density --run %s --data TABLE", i.Run)
		add("draws rows", "sample --run %s --out new.csv", i.Run)
	}
	if has(models.Classifier.Name) {
		add("judges the generator of another run", "eval --run OTHER --classifier %s", i.Run)
	} else if has(append(flows, readers...)...) || has(models.Density.Name) {
		add("measures the models on held-out data", "eval --run %s", i.Run)
	}
	if len(i.Models) == 0 {
		add("begins a run", "train autoencoder --data PICTURES --out %s", i.Run)
	}
}

// runFlagOf returns the flag that names the run in the training of a kind.
func runFlagOf(kind string) string {
	for _, c := range newTrain().Commands() {
		if c.Name() == kind && c.Flags().Lookup("out") != nil && c.Flags().Lookup("out").Name == "out" {
			return "out"
		}
	}
	return "run"
}
