package pages

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/trainings"
	"github.com/bestiary-ml/bestiary/models"
)

// home is the content of the first page.
type home struct {
	Runs      []runCard
	Trainings []trainings.Status // that run
	Single    bool               // a run is served alone: there is no room for others
}

// runCard is a run in the list.
type runCard struct {
	library.Run
	URL     string
	Prompt  string // address of the page that draws with it; "" without a generator for prompts
	Sample  string // "" without a flow
	Detect  string // "" without a detector
	Thumb   string // address of a picture that it has drawn; ""
	Summary string
	When    string
}

func (p *Pages) home(*http.Request) (page, error) {
	c := home{Single: p.Library.Single()}
	for _, r := range p.Library.All() {
		c.Runs = append(c.Runs, p.cardOf(r))
	}
	for _, t := range p.Trainings.List() {
		if t.State == "running" {
			c.Trainings = append(c.Trainings, t)
		}
	}
	return page{Template: "runs", Title: "Runs", Section: "runs", Script: "runs", Content: c}, nil
}

func (p *Pages) cardOf(r library.Run) runCard {
	c := runCard{Run: r, URL: runURL(r.Name), Summary: summary(r), When: r.Changed.Format("2 January 2006, 15:04")}
	text, flows := p.Library.Generators(r.Name)
	if r.Problem == "" && len(text) > 0 {
		c.Prompt = "/prompt?run=" + url.QueryEscape(r.Name)
	}
	if r.Problem == "" && len(flows) > 0 {
		c.Sample = "/sample?run=" + url.QueryEscape(r.Name)
	}
	if r.Problem == "" && r.Detector != nil {
		c.Detect = "/detect?run=" + url.QueryEscape(r.Name)
	}
	if sheets := p.sheets(r); len(sheets) > 0 {
		c.Thumb = sheets[0].URL
	}
	return c
}

// summary says what a run was trained on, and how well its detector does.
func summary(r library.Run) string {
	d := r.Data
	switch {
	case d == nil && r.Detector != nil:
		return detectorSummary(r.Detector)
	case d == nil:
		return "No record of its training data."
	}
	text := fmt.Sprintf("%s pictures of %d×%d pixels from %s", count(d.Pictures), d.Size, d.Size, d.Name)
	if len(d.Classes) > 0 {
		text += ", of " + classes(d.Classes)
	}
	if text += "."; r.Detector != nil {
		text += " " + detectorSummary(r.Detector)
	}
	return text
}

// sheet is a grid of samples.
type sheet struct{ URL, Model, Step string }

// drawers are the kinds of models whose samples say most about a run, the first before the others.
var drawers = []string{
	models.Rectified.Name, models.DALLE.Name, models.MaskGIT.Name, models.TarFlow.Name, models.Flow.Name, models.KL.Name, models.VQGAN.Name,
	models.DVAE.Name, models.Autoencoder.Name, models.MaskRCNN.Name, models.SSD.Name,
}

// sheets returns the last samples of each model of a run, those of generators first.
func (p *Pages) sheets(r library.Run) (all []sheet) {
	names, err := p.Library.Samples(r.Name)
	if err != nil {
		return nil
	}
	for _, kind := range drawers {
		own := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, kind+"-step-") })
		if len(own) > 0 {
			all = append(all, sheetOf(r.Name, own[len(own)-1]))
		}
	}
	return all
}

func sheetOf(run, file string) sheet {
	model, step, _ := strings.Cut(strings.TrimSuffix(file, path.Ext(file)), "-step-")
	return sheet{"/api/runs/" + url.PathEscape(run) + "/samples/" + url.PathEscape(file), model, strings.TrimLeft(step, "0")}
}
