package pages

import (
	"net/http"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/models"
)

// choice is a generator that a page can draw with.
type choice struct {
	Run, Model, Label string
	Classes           []string
	Size              int
	Rank              bool // CLIP can rank its pictures
	Chosen            bool
}

// drawing is the content of the pages that draw.
type drawing struct {
	Choices []choice
	Empty   bool // no run at all
	Prompt  string
}

// choices lists generators of all runs that are whole. of returns those of a run.
func (p *Pages) choices(r *http.Request, of func(text, flows []string) []string) (d drawing) {
	q := r.URL.Query()
	all := p.Library.All()
	d.Empty, d.Prompt = len(all) == 0, q.Get("prompt")
	for _, run := range all {
		if run.Problem != "" {
			continue
		}
		names := of(p.Library.Generators(run.Name))
		for i, model := range names {
			c := choice{Run: run.Name, Model: model, Label: run.Name, Rank: hasModel(run, models.CLIP.Name)}
			if info, ok := models.Lookup(model); ok {
				c.Label += " · " + info.Title
			}
			if run.Data != nil {
				c.Classes, c.Size = run.Data.Classes, run.Data.Size
			}
			c.Chosen = q.Get("run") == run.Name && (q.Get("model") == model || !q.Has("model") && i == 0)
			d.Choices = append(d.Choices, c)
		}
	}
	return d
}

func hasModel(r library.Run, name string) bool {
	return slices.ContainsFunc(r.Models, func(m library.Model) bool { return m.Name == name && m.Trained })
}

func (p *Pages) prompt(r *http.Request) (page, error) {
	d := p.choices(r, func(text, _ []string) []string { return text })
	return page{Template: "prompt", Title: "Prompt", Section: "prompt", Script: "prompt", Content: d}, nil
}

func (p *Pages) sample(r *http.Request) (page, error) {
	d := p.choices(r, func(_, flows []string) []string { return flows[:min(1, len(flows))] }) // a run is sampled with its first
	return page{Template: "sample", Title: "Sample", Section: "sample", Script: "sample", Content: d}, nil
}
