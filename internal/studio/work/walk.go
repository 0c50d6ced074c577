package work

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/upload"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
	"gonum.org/v1/gonum/mat"
)

// Directions is the number of latent directions of most variance that a walk has sliders for.
const Directions = 6

// maxSlider bounds a slider, in standard deviations.
const maxSlider = 6

// maxLatent bounds the numbers of a latent that a client gives: log-densities stay finite.
const maxLatent = 1e6

// samplesOfDirections is the number of embeddings from which the directions are computed.
const samplesOfDirections = 192

// Walk is what a job of kind "walk" tells beside its pictures.
type Walk struct {
	// Share is the part of the variance of the flow's samples that lies along each direction, the largest first.
	Share []float64 `json:"share"`
}

// directions are the latent directions of most variance.
type directions struct {
	along [][]float32 // each as long as its standard deviation
	share []float64   // of the variance
}

// walk makes a job that draws pictures, moved along the latent directions of most variance.
func (d *Desk) walk(b *library.Book, r *Request) (jobs.Task, error) {
	if b.Flow == nil {
		return jobs.Task{}, noFlow(b)
	}
	if err := b.Flow.RequireFlow(); err != nil {
		return jobs.Task{}, err
	}
	class, err := b.Flow.Class(r.Class)
	if err != nil {
		return jobs.Task{}, err
	}
	if len(r.Sliders) > Directions {
		return jobs.Task{}, problem.Wrong("sliders", "must have at most %d numbers", Directions)
	}
	for _, s := range r.Sliders {
		if !(math.Abs(s) <= maxSlider) {
			return jobs.Task{}, problem.Wrong("sliders", "must be from %d to %d standard deviations", -maxSlider, maxSlider)
		}
	}
	if !(r.Spread >= 0 && r.Spread <= maxSlider) {
		return jobs.Task{}, problem.Wrong("spread", "must be from 0 to %d standard deviations", maxSlider)
	}
	o := sample.Options{Class: b.Flow.Classes()[class], Seed: *r.Seed, Sampling: r.sampling(sampling.Default())}
	if err := o.Validate(); err != nil {
		return jobs.Task{}, err
	}
	switch given := r.Latent != nil || r.From != nil; {
	case given && r.Temperature != nil:
		return jobs.Task{}, problem.Wrong("temperature", "has no use where the walk starts from a picture or a latent; leave it out")
	case given && r.seeded && r.Spread == 0:
		return jobs.Task{}, problem.Wrong("seed", "has no use where the walk starts from a picture or a latent, without spread; leave it out")
	}
	start, err := newStart(b.Flow, r, o)
	if err != nil {
		return jobs.Task{}, err
	}
	n, sliders, spread, latents := r.count(), r.Sliders, r.Spread, r.Latents
	return alone(n, b.Flow.Size(), func(ctx context.Context, _ *jobs.Job) (jobs.Result, error) {
		directions, err := directionsOf(ctx, b)
		if err != nil {
			return jobs.Result{}, err
		}
		x, err := start(ctx)
		if err != nil {
			return jobs.Result{}, err
		}
		dim := len(x)
		rows := moved(x, n, directions, sliders, spread, o.Seed)
		densities, err := b.Flow.LogProb(ctx, rows) // [classes][n]
		if err != nil {
			return jobs.Result{}, err
		}
		images, err := b.Flow.Decode(ctx, rows)
		all, err := pictures(images, err)
		for i := range all.Pictures {
			own := &all.Pictures[i]
			own.Class, own.Seed, own.LogDensity = o.Class, o.Seed, &densities[class][i]
			if latents {
				own.Latent = rows[i*dim : (i+1)*dim]
			}
		}
		all.Values = Walk{directions.share}
		return all, err
	}), nil
}

// newStart returns how the latent is found from which a walk starts: it is given, that of a picture, or drawn.
func newStart(f *sample.Flow, r *Request, o sample.Options) (func(ctx context.Context) ([]float32, error), error) {
	switch {
	case r.Latent != nil && r.From != nil:
		return nil, problem.Wrong("latent", "can't be combined with from; set one of them")
	case r.Latent != nil:
		if len(r.Latent) != f.Embedding() {
			return nil, problem.Wrong("latent", "must have %d numbers", f.Embedding())
		}
		if slices.ContainsFunc(r.Latent, func(v float32) bool { return !(v >= -maxLatent && v <= maxLatent) }) {
			return nil, problem.Wrong("latent", "must have numbers from %g to %g", -maxLatent, maxLatent)
		}
		return func(context.Context) ([]float32, error) { return r.Latent, nil }, nil
	case r.From != nil:
		pixels, err := upload.Picture("from", r.From, f.Size(), f.Channels(), true)
		return func(ctx context.Context) ([]float32, error) { return f.Embed(ctx, pixels) }, err
	}
	return func(ctx context.Context) ([]float32, error) {
		drawn, err := f.Sample(ctx, o)
		if err != nil {
			return nil, err
		}
		return drawn[0].Embedding, nil
	}, nil
}

// moved returns n copies [n, E] of a latent, each moved by the sliders and by random amounts of a standard deviation.
func moved(x []float32, n int, d directions, sliders []float64, spread float64, seed uint64) (rows []float32) {
	random := rand.New(rand.NewPCG(seed, 0))
	for range n {
		row := slices.Clone(x)
		for k, along := range d.along {
			by := spread * random.NormFloat64()
			if k < len(sliders) {
				by += sliders[k]
			}
			for i, v := range along {
				row[i] += float32(by) * v
			}
		}
		rows = append(rows, row...)
	}
	return rows
}

// directionsOf returns the principal directions of the flow's samples of all classes. They are computed once for a run.
func directionsOf(ctx context.Context, b *library.Book) (directions, error) {
	b.Lock()
	defer b.Unlock()
	if known, ok := b.Walk.(directions); ok {
		return known, nil
	}
	classes := make([]int, samplesOfDirections)
	for i := range classes {
		classes[i] = i % len(b.Flow.Classes())
	}
	rows, err := b.Flow.SampleEmbeddings(ctx, classes, 1)
	if err != nil {
		return directions{}, err
	}
	found := principal(rows, len(classes))
	b.Walk = found
	return found, nil
}

// principal returns the principal directions of n rows, from the eigenvectors of their n×n Gram matrix: there are fewer
// rows than columns.
func principal(rows []float32, n int) (found directions) {
	dim := len(rows) / n
	mean := make([]float64, dim)
	for i, v := range rows {
		mean[i%dim] += float64(v) / float64(n)
	}
	centred := mat.NewDense(n, dim, nil)
	for i, v := range rows {
		centred.Set(i/dim, i%dim, float64(v)-mean[i%dim])
	}
	var gram mat.Dense
	gram.Mul(centred, centred.T())
	symmetric := mat.NewSymDense(n, nil)
	for i := range n {
		for k := i; k < n; k++ {
			symmetric.SetSym(i, k, gram.At(i, k))
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(symmetric, true) {
		return found
	}
	values := eigen.Values(nil) // in ascending order
	whole := 0.0
	for _, v := range values {
		whole += max(0, v)
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	for k := range min(Directions, n, dim) {
		at := n - 1 - k
		if values[at] <= 1e-12 {
			break
		}
		var v mat.VecDense
		v.MulVec(centred.T(), vectors.ColView(at)) // of length √value
		own := make([]float32, dim)
		for i := range own {
			own[i] = float32(v.AtVec(i) / math.Sqrt(float64(n-1)))
		}
		found.along, found.share = append(found.along, own), append(found.share, values[at]/whole)
	}
	return found
}
