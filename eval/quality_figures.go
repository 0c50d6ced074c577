package eval

import "slices"

// Compared is a figure of generated pictures beside that of real photos.
type Compared struct {
	Estimate
	Floor  *Estimate `json:"floor,omitempty"`  // of real photos: the best that a generator can reach; nil without training pictures
	Beside *Estimate `json:"beside,omitempty"` // of another run, see Quality.SetBeside
}

// SetBeside puts the figures of another run, measured against the same Reference, beside those of q.
func (q *Quality) SetBeside(other *Quality) {
	q.Beside = other.Model
	if other.Run != "" {
		q.Beside = other.Run + " (" + other.Model + ")"
	}
	theirs := other.figures()
	for i, f := range q.figures() {
		if own, o := *f.compared, *theirs[i].compared; own != nil && o != nil {
			own.Beside = &o.Estimate
		}
	}
}

// figure is a figure of Quality under a name for people.
type figure struct {
	name     string
	compared **Compared
}

// figures returns all figures in the order of tables.
func (q *Quality) figures() []figure {
	name := q.FrechetName
	if name == "" {
		name = "Fréchet distance"
	}
	all := []figure{
		{name, &q.Frechet}, {"precision", &q.Precision}, {"recall", &q.Recall}, {"density", &q.Density}, {"coverage", &q.Coverage},
		{"class seen by the classifier", &q.ClassAccuracy}, {"attributes seen by the classifier", &q.Attributes}, {"attributes of other prompts", &q.AttributesShuffled},
	}
	found := q.Found
	if found == nil {
		found = &Found{}
	}
	all = append(all, figure{"object found by the detector", &found.Any}, figure{"object of the class asked for found", &found.Right})
	colours := q.Colours
	if colours == nil {
		colours = &Colours{}
	}
	all = slices.Concat(all, colours.Unseen.figures("unseen pairs"), colours.Shuffled.figures("captions of others"), colours.Seen.figures("seen pairs"))
	retrieval := q.Retrieval
	if retrieval == nil {
		retrieval = &Retrieval100{}
	}
	all = append(all, figure{"prompt found among others, first", &retrieval.Top1}, figure{"prompt found among others, first five", &retrieval.Top5},
		figure{"class by densities", &q.Bayes}, figure{"class by densities and prior", &q.BayesWithPrior},
		figure{"PSNR of reconstructions, dB", &q.ReconstructionPSNR}, figure{"Fréchet distance of reconstructions", &q.ReconstructionFrechet})
	for _, test := range []struct {
		name string
		test *CopyTest
	}{{"copies in features", q.CopiesFeatures}, {"copies in pixels", q.CopiesPixels}} {
		rate := new(*Compared)
		if test.test != nil {
			*rate = &test.test.Copies
		}
		all = append(all, figure{test.name, rate})
	}
	return all
}
