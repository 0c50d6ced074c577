package pages

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/trainings"
)

// training is the content of the page that starts trainings.
type trainingForm struct {
	Recipes   []trainings.Recipe
	Data      []dataset
	Runs      []trainee
	Trainings []trainings.Status
	Single    bool
	NewName   string // of a run, not yet taken
}

// dataset is what can be trained on.
type dataset struct{ Name, Boxes string } // Boxes: "yes" or "no" of pictures that the program draws; "" is not known before they are read

// trainee is a run that a model can be added to.
type trainee struct{ Name, Has string }

func (p *Pages) train(*http.Request) (page, error) {
	c := trainingForm{
		Recipes: trainings.Recipes(), Trainings: p.Trainings.List(), Single: p.Library.Single(),
	}
	for _, name := range p.Trainings.DataSets() {
		own := dataset{Name: name}
		switch {
		case slices.Contains(trainings.Drawn, name):
			own.Boxes = "no"
		case slices.Contains(trainings.DrawnBoxes, name):
			own.Boxes = "yes"
		}
		c.Data = append(c.Data, own)
	}
	if c.Single { // a new run needs a folder of runs
		c.Recipes = slices.DeleteFunc(c.Recipes, func(r trainings.Recipe) bool { return r.Needs == "" })
	}
	for _, r := range p.Library.All() {
		c.Runs = append(c.Runs, trainee{r.Name, strings.Join(trained(r), " ")})
	}
	names := p.Library.Names()
	for i := 1; c.NewName == "" || slices.Contains(names, c.NewName); i++ {
		c.NewName = fmt.Sprintf("run-%d", i)
	}
	return page{Template: "train", Title: "Train", Section: "train", Script: "train", Content: c}, nil
}

func trained(r library.Run) (names []string) {
	for _, m := range r.Models {
		if m.Trained {
			names = append(names, m.Name)
		}
	}
	return names
}

// trainingPage is the content of the page of a training.
type trainingPage struct {
	trainings.Status
	RunURL string
	What   string
	Began  string
}

func (p *Pages) training(r *http.Request) (page, error) {
	s, err := p.Trainings.Get(r.PathValue("id"))
	if err != nil {
		return page{}, err
	}
	c := trainingPage{Status: s, RunURL: runURL(s.Options.Run), What: s.Options.Model, Began: s.Started.Format("2 January 2006, 15:04")}
	for _, known := range trainings.Recipes() {
		if known.Name == s.Options.Model {
			c.What = known.Title
		}
	}
	return page{Template: "training", Title: "Training of " + s.Options.Run, Section: "train", Script: "training", Content: c}, nil
}
