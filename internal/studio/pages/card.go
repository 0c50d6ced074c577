package pages

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/models"
)

// modelCard is the content of the page about a run.
type modelCard struct {
	runCard
	Sheets []sheet
	Parts  []part
	Use    []string // command lines
	Others int      // runs to compare with
	Finds  bool     // its only model is a detector
}

// part is a model of the card.
type part struct {
	library.Model
	Training string
	Figures  []entry
	Config   []entry
	Series   []series // for its chart; nil without a log
}

func (p *Pages) card(r *http.Request) (page, error) {
	about, err := p.Library.Get(r.PathValue("run"))
	if err != nil {
		return page{}, err
	}
	c := modelCard{runCard: p.cardOf(about), Sheets: p.sheets(about), Others: len(p.Library.Names()) - 1}
	c.Finds = len(about.Models) == 1 && slices.Contains(models.Detectors(), about.Models[0].Name)
	has := map[string]bool{}
	for _, m := range about.Models {
		has[m.Name] = m.Trained
		own := part{Model: m, Figures: p.figures(about.Name, m), Config: flatten(m.Config)}
		for i := range own.Figures {
			own.Figures[i].Name = phrase(own.Figures[i].Name)
		}
		for i := range own.Config {
			own.Config[i].Name = phrase(own.Config[i].Name)
		}
		switch {
		case m.Step == 0 && m.Trained:
			own.Training = "not recorded"
		case m.Steps > m.Step:
			own.Training = fmt.Sprintf("step %s of %s", count(m.Step), count(m.Steps))
		default:
			own.Training = fmt.Sprintf("%s steps", count(m.Step))
		}
		if m.Step > 0 {
			own.Series = []series{{about.Name, m.Name}}
		}
		c.Parts = append(c.Parts, own)
	}
	c.Use = uses(about.Name, has)
	return page{Template: "card", Title: about.Name, Section: "runs", Script: "compare", Content: c}, nil
}

// uses returns command lines for what a run has.
func uses(name string, has map[string]bool) (all []string) {
	if has[models.DALLE.Name] || has[models.MaskGIT.Name] || has[models.Rectified.Name] {
		all = append(all, fmt.Sprintf("bestiary generate --run %s \"a small yellow bird\"", name))
	}
	if has[models.Flow.Name] || has[models.TarFlow.Name] {
		all = append(all, "bestiary sample --run "+name)
	}
	if has[models.SSD.Name] {
		all = append(all, "bestiary detect --run "+name+" photo.jpg")
	}
	if has[models.MaskRCNN.Name] {
		all = append(all, "bestiary segment --run "+name+" photo.jpg")
	}
	if len(all) > 0 {
		all = append(all, "bestiary eval --run "+name)
	}
	return append(all, "bestiary info "+name)
}
