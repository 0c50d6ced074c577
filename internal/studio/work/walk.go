package work

import (
	"context"
	"math"

	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
	"gonum.org/v1/gonum/mat"
)

// Directions is the number of latent directions of most variance that a walk has sliders for.
const Directions = 6

// maxSlider bounds a slider, in standard deviations.
const maxSlider = 6

// samplesOfDirections is the number of embeddings from which the directions are computed.
const samplesOfDirections = 192

// walk makes a job that draws a picture, moved along the latent directions of most variance.
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
	o := sample.Options{Class: b.Flow.Classes()[class], Seed: *r.Seed, Sampling: r.sampling(sampling.Default())}
	if err := o.Validate(); err != nil {
		return jobs.Task{}, err
	}
	sliders := r.Sliders
	return alone(1, b.Flow.Size(), func(ctx context.Context, _ *jobs.Job) (jobs.Result, error) {
		directions, err := directionsOf(ctx, b)
		if err != nil {
			return jobs.Result{}, err
		}
		drawn, err := b.Flow.Sample(ctx, o)
		if err != nil {
			return jobs.Result{}, err
		}
		x := drawn[0].Embedding
		for k, s := range sliders {
			if k < len(directions) {
				for i, v := range directions[k] {
					x[i] += float32(s) * v
				}
			}
		}
		densities, err := b.Flow.LogProb(ctx, x) // [classes][1]
		if err != nil {
			return jobs.Result{}, err
		}
		images, err := b.Flow.Decode(ctx, x)
		all, err := pictures(images, err)
		if err == nil {
			own := &all.Pictures[0]
			own.Class, own.Seed, own.LogDensity = o.Class, o.Seed, &densities[class][0]
		}
		return all, err
	}), nil
}

// directionsOf returns the principal directions of the flow's samples of all classes, each as long as its standard
// deviation. They are computed once for a run.
func directionsOf(ctx context.Context, b *library.Book) ([][]float32, error) {
	b.Lock()
	defer b.Unlock()
	if known, ok := b.Walk.([][]float32); ok {
		return known, nil
	}
	classes := make([]int, samplesOfDirections)
	for i := range classes {
		classes[i] = i % len(b.Flow.Classes())
	}
	rows, err := b.Flow.SampleEmbeddings(ctx, classes, 1)
	if err != nil {
		return nil, err
	}
	found := principal(rows, len(classes))
	b.Walk = found
	return found, nil
}

// principal returns the principal directions of n rows, from the eigenvectors of their n×n Gram matrix: there are fewer
// rows than columns.
func principal(rows []float32, n int) (directions [][]float32) {
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
		return nil
	}
	values := eigen.Values(nil) // in ascending order
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
		directions = append(directions, own)
	}
	return directions
}
