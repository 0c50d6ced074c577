package main

import (
	"fmt"
	"slices"
	"strings"

	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
)

// family is a kind of run: what its models draw together, and the command that uses them.
type family struct {
	name, what string   // for people: "pets", "a flow over pictures"
	models     []string // kinds of models; an autoencoder with maps of latents belongs to two families
	use        string   // command, with RUN for the folder
}

// The families of runs.
var (
	petsFamily = &family{"pets", "a flow over pictures",
		[]string{models.Autoencoder.Name, models.Flow.Name, models.TarFlow.Name, models.KL.Name},
		`"bestiary sample --run RUN"`}
	birdsFamily = &family{"birds", "pictures from words",
		append(models.Codecs(), models.DALLE.Name, models.MaskGIT.Name, models.Rectified.Name, models.CLIP.Name, models.KL.Name),
		`"bestiary generate --run RUN PROMPT"`}
	tableFamily = &family{"table", "the density of a table",
		[]string{models.Density.Name},
		`"bestiary density --run RUN --data TABLE" or "bestiary sample --run RUN"`}
	judgeFamily = &family{"classifier", "a classifier of pictures",
		[]string{models.Classifier.Name},
		`"bestiary eval --run OTHER --classifier RUN"`}
	detectorFamily = &family{"detector", "a detector of objects in pictures",
		models.Detectors(),
		`"bestiary detect --run RUN PICTURES"`}
	families = []*family{petsFamily, birdsFamily, tableFamily, judgeFamily, detectorFamily}
)

// familyOf returns the family to which most of some models belong; nil if there is none.
func familyOf(there []string) (best *family) {
	most := 0
	for _, f := range families {
		if n := f.count(there); n > most {
			best, most = f, n
		}
	}
	return best
}

// count returns how many of some models belong to the family.
func (f *family) count(there []string) (n int) {
	for _, model := range there {
		if slices.Contains(f.models, model) {
			n++
		}
	}
	return n
}

// wrongFamily returns an error for a run that has models, but none of a family. The error says which command uses the run.
func wrongFamily(dir string, wanted *family) error {
	r, err := runfolder.Open(dir)
	if err != nil {
		return nil // opening the run says why
	}
	there := r.Models()
	if own := familyOf(there); own != nil && wanted.count(there) == 0 {
		return fmt.Errorf("%s: %s; use %s", dir, own.describe(there), strings.ReplaceAll(own.use, "RUN", dir))
	}
	return nil
}

// describe says what a run of the family is.
func (f *family) describe(there []string) string {
	return fmt.Sprintf("this is a %s run, of %s (%s)", f.name, f.what, strings.Join(there, ", "))
}

// otherFamily returns the error for a model that a run lacks because it is a run of another family; nil if it is not.
func otherFamily(dir, model string, there []string, training bool) error {
	own := familyOf(there)
	if own == nil {
		return nil
	}
	for _, f := range families {
		if slices.Contains(f.models, model) && f.count(there) > 0 {
			return nil
		}
	}
	if training {
		return fmt.Errorf("%s: %s, and has no %s; name the folder of another run, or a new one for the first model", dir, own.describe(there), model)
	}
	return fmt.Errorf("%s: %s; use %s", dir, own.describe(there), strings.ReplaceAll(own.use, "RUN", dir))
}
