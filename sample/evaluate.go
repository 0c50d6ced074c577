package sample

import (
	"context"
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Evaluation holds the figures of a pipeline on pictures that it wasn't trained on.
type Evaluation struct {
	Pictures       int             `json:"pictures"`
	Reconstruction Reconstruction  `json:"reconstruction"`
	Flow           *FlowEvaluation `json:"flow,omitempty"` // nil if the run has no flow
}

// Reconstruction measures the autoencoder: decode(encode(x)) against x, with values in [−1, 1].
type Reconstruction struct {
	MSE  float64 `json:"mse"`
	PSNR float64 `json:"psnr_db"`
}

// FlowEvaluation measures the flow on embeddings of dimension D.
type FlowEvaluation struct {
	NLL          float64            `json:"nll_nats"`              // mean of −ln p(x | class of x)
	BitsPerDim   float64            `json:"bits_per_dim"`          // NLL / (D ln 2)
	NLLByClass   map[string]float64 `json:"nll_nats_by_class"`     //
	BitsByClass  map[string]float64 `json:"bits_per_dim_by_class"` //
	Accuracy     float64            `json:"accuracy"`              // of argmax over classes of ln p(x | class)
	MajorityRate float64            `json:"majority_rate"`         // accuracy of always naming the commonest class
	Nearest      *Nearest           `json:"nearest,omitempty"`     // nil without training pictures
}

// Nearest tells whether samples are copies: median Euclidean distances between embeddings, each coordinate divided by
// its standard deviation over the training pictures. Samples that were copies would lie much nearer to the training
// pictures than held-out photos do.
type Nearest struct {
	SampleToTraining   float64 `json:"sample_to_training"`
	HeldOutToTraining  float64 `json:"held_out_to_training"`
	TrainingToTraining float64 `json:"training_to_training"` // each to its nearest other
	HeldOutToSample    float64 `json:"held_out_to_sample"`   // coverage: as many samples as training pictures
	Samples            int     `json:"samples"`
}

// Evaluate measures the models on held-out pictures. With the training pictures it also looks for copies among as many
// samples, drawn at temperature 1 with classes as frequent as in training.
func (p *Pets) Evaluate(ctx context.Context, heldOut, training *data.Dataset, seed uint64) (*Evaluation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range []*data.Dataset{heldOut, training} {
		if d != nil && d.Size != p.Size() {
			return nil, fmt.Errorf("the pictures are %d pixels wide and the model wants %d; load them at that size", d.Size, p.Size())
		}
	}
	r, err := p.measureReconstruction(ctx, heldOut)
	if err != nil {
		return nil, err
	}
	e := &Evaluation{Pictures: heldOut.Len(), Reconstruction: r}
	if p.stale != nil {
		return nil, p.stale
	}
	if p.flow == nil {
		return e, nil
	}
	labels, err := p.labels(heldOut)
	if err != nil {
		return nil, err
	}
	embeddings := p.embed(heldOut.Pixels)
	e.Flow = p.measureFlow(embeddings, labels)
	if training == nil {
		return e, ctx.Err()
	}
	trainingLabels, err := p.labels(training)
	if err != nil {
		return nil, err
	}
	if e.Flow.Nearest, err = p.measureNearest(embeddings, p.embed(training.Pixels), trainingLabels, seed); err != nil {
		return nil, err
	}
	return e, ctx.Err()
}

// labels translates the classes of a dataset to the flow's numbers.
func (p *Pets) labels(d *data.Dataset) ([]int, error) {
	translate := make([]int, len(d.Classes))
	for i, name := range d.Classes {
		class, err := p.class(name)
		if err != nil {
			return nil, err
		}
		translate[i] = class
	}
	labels := make([]int, d.Len())
	for i := range labels {
		labels[i] = translate[d.Label(i)]
	}
	return labels, nil
}

// MeasureReconstruction is the part of [Pets.Evaluate] that concerns the autoencoder.
func (p *Pets) MeasureReconstruction(d *data.Dataset) (Reconstruction, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.measureReconstruction(context.Background(), d)
}

// MeasureFlow is the part of [Pets.Evaluate] that concerns the flow, without training pictures.
func (p *Pets) MeasureFlow(d *data.Dataset) (*FlowEvaluation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	labels, err := p.labels(d)
	if err != nil {
		return nil, err
	}
	return p.measureFlow(p.embed(d.Pixels), labels), nil
}

func (p *Pets) measureReconstruction(ctx context.Context, d *data.Dataset) (Reconstruction, error) {
	one := d.Size * d.Size * 3
	total := 0.0
	for lo := 0; lo < d.Len(); lo += batch {
		if err := ctx.Err(); err != nil {
			return Reconstruction{}, err
		}
		n := min(batch, d.Len()-lo)
		values := make([]float32, n*one)
		data.Scale(values, d.Pixels[lo*one:(lo+n)*one])
		step := p.device.Scratch()
		loss, _ := p.autoencoder.Loss(p.device.From(values, n, d.Size, d.Size, 3))
		total += loss.Item() * float64(n)
		step.End()
	}
	mse := total / float64(d.Len())
	return Reconstruction{MSE: mse, PSNR: PSNR(mse)}, nil
}

// logProb returns ln p(x | class) for every embedding and every class, [classes][N].
func (p *Pets) logProb(embeddings []float32) [][]float64 {
	dim := p.autoencoder.Config().Embedding
	n := len(embeddings) / dim
	all := make([][]float64, len(p.data.Classes))
	for class := range all {
		for lo := 0; lo < n; lo += 4 * batch {
			rows := min(4*batch, n-lo)
			classes := make([]int, rows)
			for i := range classes {
				classes[i] = class
			}
			step := p.device.Scratch()
			x := p.device.From(embeddings[lo*dim:(lo+rows)*dim], rows, dim)
			for _, v := range p.flow.LogProb(x, p.condition(classes)).Values() {
				all[class] = append(all[class], float64(v))
			}
			step.End()
		}
	}
	return all
}

func (p *Pets) measureFlow(embeddings []float32, labels []int) *FlowEvaluation {
	logProb := p.logProb(embeddings)
	sums, counts := make([]float64, len(logProb)), make([]int, len(logProb))
	right, total := 0, 0.0
	for i, label := range labels {
		best := 0
		for class := range logProb {
			if logProb[class][i] > logProb[best][i] {
				best = class
			}
		}
		if best == label {
			right++
		}
		sums[label] -= logProb[label][i]
		counts[label]++
		total -= logProb[label][i]
	}
	nats := float64(p.autoencoder.Config().Embedding) * math.Ln2
	f := &FlowEvaluation{NLLByClass: map[string]float64{}, BitsByClass: map[string]float64{}}
	f.NLL = total / float64(len(labels))
	f.BitsPerDim = f.NLL / nats
	f.Accuracy = float64(right) / float64(len(labels))
	for class, n := range counts {
		if n == 0 {
			continue
		}
		f.NLLByClass[p.data.Classes[class]] = sums[class] / float64(n)
		f.BitsByClass[p.data.Classes[class]] = sums[class] / float64(n) / nats
		f.MajorityRate = max(f.MajorityRate, float64(n)/float64(len(labels)))
	}
	return f
}

func (p *Pets) measureNearest(heldOut, training []float32, labels []int, seed uint64) (*Nearest, error) {
	dim := p.autoencoder.Config().Embedding
	step := p.device.Scratch()
	defer step.End()
	x, _, err := p.flow.Sample(len(labels), p.condition(labels), 1, tensor.NewGenerator(seed).Fork("evaluate"))
	if err != nil {
		return nil, err
	}
	samples := x.Values()
	scale := Deviations(training, dim)
	for _, rows := range [][]float32{samples, heldOut, training} {
		for i := range rows {
			rows[i] /= scale[i%dim]
		}
	}
	return &Nearest{
		SampleToTraining:   median(nearest(samples, training, dim)),
		HeldOutToTraining:  median(nearest(heldOut, training, dim)),
		TrainingToTraining: median(nearest(training, training, dim)),
		HeldOutToSample:    median(nearest(heldOut, samples, dim)),
		Samples:            len(labels),
	}, nil
}

// Deviations returns the standard deviation of each column of rows [N, dim], 1 for a constant column.
func Deviations(rows []float32, dim int) []float32 {
	deviations := make([]float32, dim)
	n := float64(len(rows) / dim)
	for c := range dim {
		sum, squares := 0.0, 0.0
		for at := c; at < len(rows); at += dim {
			sum += float64(rows[at])
		}
		average := sum / n
		for at := c; at < len(rows); at += dim {
			squares += (float64(rows[at]) - average) * (float64(rows[at]) - average)
		}
		deviations[c] = 1
		if squares > 0 {
			deviations[c] = float32(math.Sqrt(squares / n))
		}
	}
	return deviations
}
