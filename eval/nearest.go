package eval

import (
	"context"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/sample"
)

// Nearest has median Euclidean distances between embeddings and their nearest neighbours. Each coordinate is divided by
// its standard deviation over the training pictures. Copies of training pictures would lie much nearer to these than
// held-out pictures do.
type Nearest struct {
	SampleToTraining   float64 `json:"sample_to_training"`
	HeldOutToTraining  float64 `json:"held_out_to_training"`
	TrainingToTraining float64 `json:"training_to_training"` // each to its nearest other
	HeldOutToSample    float64 `json:"held_out_to_sample"`   // coverage: there are as many samples as training pictures
	Samples            int     `json:"samples"`
}

// MeasureNearest compares samples with the training pictures. It draws one sample for each training picture, of the same
// class, at temperature 1.
func MeasureNearest(ctx context.Context, p *sample.Flow, heldOut, training *data.Dataset, seed uint64) (*Nearest, error) {
	if err := check(p, heldOut); err != nil {
		return nil, err
	}
	embeddings, err := p.Embed(ctx, heldOut.Pixels)
	if err != nil {
		return nil, err
	}
	return measureNearest(ctx, p, embeddings, training, seed)
}

// measureNearest is MeasureNearest for embeddings of held-out pictures, which it divides by the standard deviations.
func measureNearest(ctx context.Context, p *sample.Flow, unseen []float32, training *data.Dataset, seed uint64) (*Nearest, error) {
	if err := check(p, training); err != nil {
		return nil, err
	}
	labels, err := labelsOf(p, training)
	if err != nil {
		return nil, err
	}
	samples, err := p.SampleEmbeddings(ctx, labels, seed)
	if err != nil {
		return nil, err
	}
	seen, err := p.Embed(ctx, training.Pixels)
	if err != nil {
		return nil, err
	}
	dim := p.Embedding()
	scale := Deviations(seen, dim)
	for _, rows := range [][]float32{samples, unseen, seen} {
		for i := range rows {
			rows[i] /= scale[i%dim]
		}
	}
	n := &Nearest{Samples: len(labels)}
	for _, m := range []struct {
		into          *float64
		queries, base []float32
	}{
		{&n.SampleToTraining, samples, seen}, {&n.HeldOutToTraining, unseen, seen},
		{&n.TrainingToTraining, seen, seen}, {&n.HeldOutToSample, unseen, samples},
	} {
		distances, err := nearest(ctx, m.queries, m.base, dim)
		if err != nil {
			return nil, err
		}
		*m.into = median(distances)
	}
	return n, nil
}

// Deviations returns the standard deviation of each column of rows [N, dim]; 1 for a constant column, none for dim < 1.
func Deviations(rows []float32, dim int) []float32 {
	if dim < 1 {
		return nil
	}
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

// nearest returns, for each row of queries [n, dim], the Euclidean distance to the nearest row of base. If queries and
// base are the same slice, a row is not its own neighbour.
func nearest(ctx context.Context, queries, base []float32, dim int) ([]float64, error) {
	same := len(queries) > 0 && len(base) > 0 && &queries[0] == &base[0]
	distances := make([]float64, len(queries)/dim)
	for i := range distances {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		best := math.Inf(1)
		query := queries[i*dim : (i+1)*dim]
		for j := range len(base) / dim {
			if same && i == j {
				continue
			}
			best = min(best, squaredError(query, base[j*dim:(j+1)*dim]))
		}
		distances[i] = math.Sqrt(best * float64(dim))
	}
	return distances, nil
}

// squaredError is the mean squared difference of a and b.
func squaredError(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return sum / float64(len(a))
}

// median returns the median of v, which it sorts; NaN if v is empty.
func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
