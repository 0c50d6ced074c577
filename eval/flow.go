package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/sample"
)

// FlowReport has the measures of a flow pipeline.
type FlowReport struct {
	Pictures       int            `json:"pictures"`
	Reconstruction Reconstruction `json:"reconstruction"`
	Flow           *Density       `json:"flow,omitempty"`    // nil without a flow
	Quality        *Quality       `json:"quality,omitempty"` // of samples, see Reference.Measure; nil if not measured
}

// Reconstruction measures an autoencoder: decode(encode(x)) against x, with values in [−1, 1].
type Reconstruction struct {
	MSE  float64 `json:"mse"`
	PSNR float64 `json:"psnr_db"`
}

// Density measures a flow on embeddings with E values, to which the noise of the flow's training is added, see
// [sample.Flow.Perturb].
type Density struct {
	NLL          float64            `json:"nll_nats"`              // mean of −ln p(x | class of x)
	BitsPerDim   float64            `json:"bits_per_dim"`          // NLL / (E·ln 2)
	NLLByClass   map[string]float64 `json:"nll_nats_by_class"`     // of classes with pictures
	BitsByClass  map[string]float64 `json:"bits_per_dim_by_class"` // likewise
	Accuracy     float64            `json:"accuracy"`              // of the class with the largest ln p(x | class)
	MajorityRate float64            `json:"majority_rate"`         // accuracy of always choosing the most frequent class
	Nearest      *Nearest           `json:"nearest,omitempty"`     // nil without training pictures
}

// EvaluateFlow measures the models of a pipeline on held-out pictures. With the training pictures (nil for none) it also
// looks for copies among as many samples; see [MeasureNearest].
func EvaluateFlow(ctx context.Context, p *sample.Flow, heldOut, training *data.Dataset, seed uint64) (*FlowReport, error) {
	r, err := MeasureReconstruction(ctx, p, heldOut)
	if err != nil {
		return nil, err
	}
	report := &FlowReport{Pictures: heldOut.Len(), Reconstruction: r}
	var missing *fault.Missing
	if err := p.RequireFlow(); errors.As(err, &missing) {
		return report, nil
	}
	embeddings, err := p.Embed(ctx, heldOut.Pixels)
	if err != nil {
		return nil, err
	}
	if report.Flow, err = measureDensity(ctx, p, heldOut, embeddings); err != nil {
		return nil, err
	}
	if training != nil {
		if report.Flow.Nearest, err = measureNearest(ctx, p, embeddings, training, seed); err != nil {
			return nil, err
		}
	}
	return report, nil
}

// MeasureReconstruction measures the autoencoder on pictures.
func MeasureReconstruction(ctx context.Context, p *sample.Flow, d *data.Dataset) (Reconstruction, error) {
	if err := check(p, d); err != nil {
		return Reconstruction{}, err
	}
	errors, err := p.ReconstructionErrors(ctx, d.Pixels)
	if err != nil {
		return Reconstruction{}, err
	}
	total := 0.0
	for _, e := range errors {
		total += e
	}
	mse := total / float64(d.Len())
	return Reconstruction{MSE: mse, PSNR: PSNR(mse)}, nil
}

// MeasureDensity measures the flow on the embeddings of pictures with classes. Classes are matched by name.
func MeasureDensity(ctx context.Context, p *sample.Flow, d *data.Dataset) (*Density, error) {
	if err := check(p, d); err != nil {
		return nil, err
	}
	embeddings, err := p.Embed(ctx, d.Pixels)
	if err != nil {
		return nil, err
	}
	return measureDensity(ctx, p, d, embeddings)
}

func measureDensity(ctx context.Context, p *sample.Flow, d *data.Dataset, embeddings []float32) (*Density, error) {
	labels, err := labelsOf(p, d)
	if err != nil {
		return nil, err
	}
	modelled, err := p.Perturb(ctx, embeddings, 0)
	if err != nil {
		return nil, err
	}
	logProb, err := p.LogProb(ctx, modelled) // [classes][N]
	if err != nil {
		return nil, err
	}
	return summarize(p, logProb, labels), nil
}

// summarize computes the measures from the log-densities [classes][N].
func summarize(p *sample.Flow, logProb [][]float64, labels []int) *Density {
	sums, counts := make([]float64, len(logProb)), make([]int, len(logProb))
	total := 0.0
	for i, label := range labels {
		sums[label] -= logProb[label][i]
		counts[label]++
		total -= logProb[label][i]
	}
	nats, n := float64(p.Embedding())*math.Ln2, float64(len(labels))
	f := &Density{NLLByClass: map[string]float64{}, BitsByClass: map[string]float64{}}
	f.NLL = total / n
	f.BitsPerDim = f.NLL / nats
	f.Accuracy = Accuracy(Bayes(logProb, nil), labels)
	for class, name := range p.Classes() {
		if counts[class] == 0 {
			continue
		}
		own := float64(counts[class])
		f.NLLByClass[name] = sums[class] / own
		f.BitsByClass[name] = sums[class] / own / nats
		f.MajorityRate = max(f.MajorityRate, own/n)
	}
	return f
}

// labelsOf returns the classes of pictures as numbers of the pipeline's classes.
func labelsOf(p *sample.Flow, d *data.Dataset) ([]int, error) {
	translate := make([]int, len(d.Classes))
	for i, name := range d.Classes {
		class, err := p.Class(name)
		if err != nil {
			return nil, fmt.Errorf("the pictures have the class %q, but the model knows %s only; give pictures of these classes", name, strings.Join(p.Classes(), ", "))
		}
		translate[i] = class
	}
	labels := make([]int, d.Len())
	for i := range labels {
		labels[i] = translate[d.Label(i)]
	}
	return labels, nil
}
