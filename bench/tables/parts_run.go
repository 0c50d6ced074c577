package tables

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/tensor"
)

// PartsResult is how well an architecture learned a table that is divided once.
type PartsResult struct {
	Table         string             `json:"table"`
	Architecture  string             `json:"architecture"`
	Columns       int                `json:"columns"`
	Rows          [3]int             `json:"rows"` // to train on, to validate, to test
	LogLikelihood float64            `json:"test_log_likelihood"`
	StandardError float64            `json:"standard_error"`
	Published     map[string]float64 `json:"published,omitempty"`
}

// runParts trains on the first part of a table, stops early by the second and tests on the third.
func runParts(ctx context.Context, d *tensor.Device, name string, parts *Parts, err error, architecture string, o Options) (any, string, error) {
	if err != nil {
		return nil, "", err
	}
	full := fmt.Sprintf("parts/%s/%s, %d steps", name, architecture, o.Steps)
	result, err := once(o.results, full, func() (*PartsResult, error) { return measureParts(ctx, d, name, parts, architecture, o.Steps) })
	if err != nil {
		return nil, "", err
	}
	line := fmt.Sprintf("%-12s %-8s test log-likelihood %9.4f ± %.4f nats (%.3f bits a column)", name, architecture, result.LogLikelihood, result.StandardError,
		-result.LogLikelihood/float64(result.Columns)/math.Ln2)
	for _, source := range slices.Sorted(keys(result.Published)) {
		line += fmt.Sprintf(", %s %.2f", source, result.Published[source])
	}
	return result, line, nil
}

// measureParts is runParts without the printing.
func measureParts(ctx context.Context, d *tensor.Device, name string, parts *Parts, architecture string, steps int) (*PartsResult, error) {
	e, err := encodingOf(parts)
	if err != nil {
		return nil, err
	}
	r := recipe{spec: named(architecture), config: configure(steps, 512, max(1, steps/30), 1)}
	p, err := r.fit(ctx, d, e, parts.Training, parts.Validation)
	if err != nil {
		return nil, err
	}
	logs, err := p.LogProb(ctx, parts.Test)
	if err != nil {
		return nil, err
	}
	result := &PartsResult{Table: name, Architecture: architecture, Columns: len(e.Columns), Published: publishedParts[name],
		Rows: [3]int{parts.Training.Rows, parts.Validation.Rows, parts.Test.Rows}}
	result.LogLikelihood, result.StandardError = meanAndError(logs)
	return result, nil
}

// encodingOf is the encoding of all columns of the training rows.
func encodingOf(p *Parts) (*table.Encoding, error) {
	var all []string
	for _, c := range p.Training.Columns {
		all = append(all, c.Name)
	}
	return table.NewEncoding(p.Training, all, nil)
}
