package eval

import (
	"context"
	"image"
	"math"

	"github.com/bestiary-ml/bestiary/data/source"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/sample"
)

// Quality measures the pictures of a generator. Figures that lack what they need are nil.
type Quality struct {
	Model    string `json:"model"`
	Run      string `json:"run,omitempty"`
	Beside   string `json:"beside,omitempty"` // the run that the figures "beside" are of
	Samples  int    `json:"samples"`
	HeldOut  int    `json:"held_out"`
	Training int    `json:"training"`

	// In features: samples against held-out photos, and as the floor as many training photos against the same.
	Features    string    `json:"features,omitempty"`     // where the features come from
	FrechetName string    `json:"frechet_name,omitempty"` // "FID" in the features of its network
	Frechet     *Compared `json:"frechet,omitempty"`
	Precision   *Compared `json:"precision,omitempty"`
	Recall      *Compared `json:"recall,omitempty"`
	Density     *Compared `json:"density,omitempty"`
	Coverage    *Compared `json:"coverage,omitempty"`

	// By independent classifiers: share of samples that show what was asked for. The floor is that of held-out photos.
	ClassAccuracy      *Compared     `json:"class_accuracy,omitempty"`
	Attributes         *Compared     `json:"attributes,omitempty"`          // of the attributes that a prompt names, the share that is seen
	AttributesShuffled *Compared     `json:"attributes_shuffled,omitempty"` // the same for the attributes of another prompt: chance
	Retrieval          *Retrieval100 `json:"retrieval,omitempty"`

	Found *Found `json:"found,omitempty"` // by a detector

	Colours *Colours `json:"colours,omitempty"` // of drawn birds

	// The class by the generator's own densities: argmax of ln p(x|class), and of ln p(x|class) + ln p(class).
	Bayes          *Compared `json:"bayes_accuracy,omitempty"`
	BayesWithPrior *Compared `json:"bayes_accuracy_with_prior,omitempty"`
	MajorityRate   *Estimate `json:"majority_rate,omitempty"` // accuracy of always choosing the most frequent class

	ReconstructionPSNR    *Compared `json:"reconstruction_psnr_db,omitempty"` // of held-out photos
	ReconstructionFrechet *Compared `json:"reconstruction_frechet,omitempty"` // reconstructions against the same photos; the floor is Frechet's

	CopiesFeatures *CopyTest `json:"copies_in_features,omitempty"`
	CopiesPixels   *CopyTest `json:"copies_in_pixels,omitempty"`

	images []*image.NRGBA // the samples
}

// Images returns the samples that were measured, in the order of the held-out pictures for whose class or caption they
// were drawn.
func (q *Quality) Images() []*image.NRGBA { return q.images }

// Measure draws samples of a generator and measures them. Features and pictures of different sizes, and pictures without
// what the generator draws for, are a [*fault.FieldError].
func (r *Reference) Measure(ctx context.Context, g *sample.Generator) (q *Quality, err error) {
	defer fault.Catch(&err)
	if g.Size != r.heldOut.Size || g.Channels != max(r.heldOut.Channels, 3) {
		return nil, fault.Field("Pictures", nil, "have %d pixels with %d channels, and the %s draws %d with %d; load them like that",
			r.heldOut.Size, max(r.heldOut.Channels, 3), g.Model, g.Size, g.Channels)
	}
	requests, err := r.requests(g)
	if err != nil {
		return nil, err
	}
	q = &Quality{Model: g.Model, Run: g.Run, Samples: len(requests), HeldOut: r.heldOut.Len()}
	if r.training != nil {
		q.Training = r.training.Len()
	}
	r.begin("samples of the " + g.Model)
	if q.images, err = g.Draw(ctx, requests, sample.DrawOptions{Seed: r.options.Seed, Sampling: r.options.Sampling, Solving: r.options.Solving, Progress: r.options.Progress}); err != nil {
		return nil, err
	}
	drawn := datasetOf(g, q.images)
	var features Features
	if r.extractor != nil {
		r.begin("features of samples")
		if features, err = r.extractor.Extract(ctx, drawn.Pixels, g.Size); err != nil {
			return nil, err
		}
		if err := r.distribution(ctx, q, features); err != nil {
			return nil, err
		}
	}
	for _, step := range []struct {
		what    string
		there   bool
		measure func() error
	}{
		{"class and attributes", len(r.options.Judges) > 0, func() error { return r.judge(ctx, q, g, requests, drawn.Pixels) }},
		{"retrieval", r.options.CLIP != nil && g.Classes == nil, func() (err error) {
			q.Retrieval, err = r.retrieval(ctx, drawn.Pixels)
			return err
		}},
		{"objects found by the detector", r.options.Detector != nil, func() error { return r.find(ctx, q, g) }},
		{"colours of drawn birds", g.Classes == nil && source.IsDrawnBirds(g.Data.Path), func() (err error) {
			q.Colours, err = r.colours(ctx, g)
			return err
		}},
		{"densities", g.LogDensity != nil && g.Classes != nil, func() error { return r.bayes(ctx, q, g) }},
		{"reconstruction", g.Reconstruct != nil, func() error { return r.reconstruction(ctx, q, g) }},
		{"copies", r.training != nil, func() (err error) {
			if r.extractor != nil {
				if q.CopiesFeatures, err = MeasureCopies(ctx, features, r.unseen, r.seen); err != nil {
					return err
				}
			}
			q.CopiesPixels, err = MeasureCopies(ctx, pixelFeatures(drawn), r.unseenPixels, r.seenPixels)
			return err
		}},
	} {
		if !step.there {
			continue
		}
		r.begin(step.what)
		if err := step.measure(); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// distribution compares samples with held-out photos in features, and as the floor training photos with these.
func (r *Reference) distribution(ctx context.Context, q *Quality, features Features) (err error) {
	q.Features, q.FrechetName = r.extractor.From, r.extractor.Name
	r.begin("distances")
	if r.training != nil && r.floorFigures == nil {
		if r.floorFigures, err = r.distances(ctx, r.floorFeatures); err != nil {
			return err
		}
	}
	own, err := r.distances(ctx, features)
	if err != nil {
		return err
	}
	for i, into := range []**Compared{&q.Frechet, &q.Precision, &q.Recall, &q.Density, &q.Coverage} {
		*into = &Compared{Estimate: own[i]}
		if r.training != nil {
			(*into).Floor = &r.floorFigures[i]
		}
	}
	return nil
}

// distances returns the Fréchet distance, precision, recall, density and coverage of a set.
func (r *Reference) distances(ctx context.Context, set Features) ([]Estimate, error) {
	d, err := EstimateFrechet(ctx, r.unseen, set, r.options.Resamples)
	if err != nil {
		return nil, err
	}
	m, err := newManifold(ctx, r.unseen, set)
	if err != nil {
		return nil, err
	}
	return []Estimate{d, EstimateShare(m.precision), EstimateShare(m.recall), EstimateMean(m.density), EstimateShare(m.coverage)}, nil
}

// bayes measures the class by the densities of held-out photos.
func (r *Reference) bayes(ctx context.Context, q *Quality, g *sample.Generator) error {
	labels, err := numbersOf(r.heldOut.Classes, g.Classes)
	if err != nil {
		return err
	}
	density, err := g.LogDensity(ctx, r.heldOut.Pixels) // [classes][N]
	if err != nil {
		return err
	}
	prior := make([]float64, len(g.Classes))
	if r.training != nil {
		own, err := numbersOf(r.training.Classes, g.Classes)
		if err != nil {
			return err
		}
		for _, label := range r.training.Labels {
			prior[own[label]] += 1 / float64(r.training.Len())
		}
	}
	n := r.heldOut.Len()
	plain, with, counts := make([]float64, n), make([]float64, n), make([]int, len(g.Classes))
	for i := range n {
		label := labels[r.heldOut.Label(i)]
		counts[label]++
		likelihood, posterior := make([]float64, len(density)), make([]float64, len(density))
		for class := range density {
			likelihood[class] = density[class][i]
			posterior[class] = density[class][i] + math.Log(prior[class])
		}
		if largest(likelihood) == label {
			plain[i] = 1
		}
		if largest(posterior) == label {
			with[i] = 1
		}
	}
	q.Bayes = &Compared{Estimate: EstimateShare(plain)}
	if r.training != nil {
		q.BayesWithPrior = &Compared{Estimate: EstimateShare(with)}
	}
	most := largest(counts)
	majority := make([]float64, n)
	for i := range majority {
		if labels[r.heldOut.Label(i)] == most {
			majority[i] = 1
		}
	}
	rate := EstimateShare(majority)
	q.MajorityRate = &rate
	return nil
}

// reconstruction measures encoder and decoder on the held-out photos.
func (r *Reference) reconstruction(ctx context.Context, q *Quality, g *sample.Generator) error {
	made, err := g.Reconstruct(ctx, r.heldOut.Pixels)
	if err != nil {
		return err
	}
	again := datasetOf(g, made)
	mse := make([]float64, len(made)) // of values in [−1, 1]
	for i := range mse {
		a, b := r.heldOut.Image(i), again.Image(i)
		for k := range a {
			d := (float64(a[k]) - float64(b[k])) / 127.5
			mse[i] += d * d / float64(len(a))
		}
	}
	e := EstimateMean(mse)
	q.ReconstructionPSNR = &Compared{Estimate: Estimate{PSNR(e.Value), PSNR(e.High), PSNR(e.Low)}}
	if r.extractor == nil {
		return nil
	}
	f, err := r.extractor.Extract(ctx, again.Pixels, g.Size)
	if err != nil {
		return err
	}
	d, err := EstimateFrechet(ctx, r.unseen, f, r.options.Resamples)
	if err != nil {
		return err
	}
	q.ReconstructionFrechet = &Compared{Estimate: d}
	return nil
}
