package pages

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/library"
)

// finding is the content of the page that finds objects in photos.
type finding struct {
	Detectors []detectorChoice
	Empty     bool // no run at all
}

// detectorChoice is a detector that the page can use.
type detectorChoice struct {
	Run, Label string
	Chosen     bool
}

func (p *Pages) detect(r *http.Request) (page, error) {
	all := p.Library.All()
	c := finding{Empty: len(all) == 0}
	for _, run := range all {
		if run.Problem == "" && run.Detector != nil {
			c.Detectors = append(c.Detectors, detectorChoice{run.Name, run.Name + " · " + classes(run.Detector.Classes), r.URL.Query().Get("run") == run.Name})
		}
	}
	return page{Template: "detect", Title: "Detect", Section: "detect", Script: "detect", Content: c}, nil
}

// classes names a few classes, or counts many.
func classes(names []string) string {
	if len(names) > 4 {
		return fmt.Sprintf("%d classes", len(names))
	}
	return strings.Join(names, ", ")
}

// detectorSummary says what a detector was trained on, and how well it does.
func detectorSummary(d *library.Detector) string {
	text := "A detector of " + classes(d.Classes)
	if d.Data != "" {
		text += fmt.Sprintf(", trained on %s pictures with %s boxes from %s", count(d.Pictures), count(d.Boxes), d.Data)
	}
	if d.MAP50 != nil {
		text += fmt.Sprintf("; mean average precision %.1f %%", 100**d.MAP50)
	}
	return text + "."
}
