package tables

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train/tasks"
)

// Published are test log-likelihoods of the UCI tables in nats, mean and standard error over twenty splits, with which ours are
// compared.
var Published = map[string][2]float64{
	"yacht": {-1.25, 0.01}, "concrete": {-2.93, 0.02}, "energy": {-1.21, 0.01}, "power-plant": {-2.80, 0.01},
	"wine-quality-red": {-0.93, 0.01}, "kin8nm": {1.14, 0.01},
}

// UCI is a table with a target and splits into training and test rows, in the layout of Hernández-Lobato & Adams (2015): files
// data.txt, index_features.txt, index_target.txt, and index_train_K.txt and index_test_K.txt for each split K from 0.
type UCI struct {
	Name   string
	Splits int

	dir      string
	all      *table.Table
	features []string
	target   string
}

// OpenUCI reads the table in a folder.
func OpenUCI(dir string) (*UCI, error) {
	u := &UCI{Name: filepath.Base(dir), dir: dir}
	raw, err := table.Read(filepath.Join(dir, "data.txt"), table.Options{})
	if err != nil {
		return nil, err
	}
	features, err := u.indices("index_features.txt", len(raw.Columns))
	if err != nil {
		return nil, err
	}
	target, err := u.indices("index_target.txt", len(raw.Columns))
	if err != nil {
		return nil, err
	}
	if len(target) != 1 || slices.Contains(features, target[0]) {
		return nil, fault.Damaged(filepath.Join(dir, "index_target.txt"), "must name one column that is no feature; correct it")
	}
	if raw.Dropped > 0 {
		return nil, fault.Damaged(raw.Path, "has missing cells, and the splits count all rows; fill them")
	}
	u.target = raw.Columns[target[0]].Name
	kinds := map[string]table.Kind{}
	for _, j := range append(features, target[0]) {
		c := raw.Columns[j]
		kinds[c.Name] = table.Continuous
		if j == target[0] && c.Kind == table.Integer { // a density of whole numbers has no bound unless they are dequantized
			kinds[c.Name] = table.Integer
		}
		if j != target[0] {
			u.features = append(u.features, c.Name)
		}
	}
	if u.all, err = table.Read(raw.Path, table.Options{Columns: append(slices.Clone(u.features), u.target), Kinds: kinds}); err != nil {
		return nil, err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, fmt.Sprintf("index_train_%d.txt", u.Splits))); err != nil {
			break
		}
		u.Splits++
	}
	if u.Splits == 0 {
		return nil, fault.Damaged(filepath.Join(dir, "index_train_0.txt"), "can't be found; a table needs one split or more")
	}
	return u, nil
}

// indices reads whole numbers below a limit.
func (u *UCI) indices(name string, below int) ([]int, error) {
	path := filepath.Join(u.dir, name)
	t, err := table.Read(path, table.Options{})
	if err != nil {
		return nil, err
	}
	all := make([]int, t.Rows)
	for i, v := range t.Columns[0].Numbers {
		if len(t.Columns) != 1 || v != math.Trunc(v) || v < 0 || v >= float64(below) {
			return nil, fault.Damaged(path, "line %d: must be a whole number from 0 to %d; correct it", t.Line(i), below-1)
		}
		all[i] = int(v)
	}
	return all, nil
}

// Split returns the training and test rows of split k.
func (u *UCI) Split(k int) (training, test *table.Table, err error) {
	for _, part := range []struct {
		name string
		t    **table.Table
	}{{"train", &training}, {"test", &test}} {
		rows, err := u.indices(fmt.Sprintf("index_%s_%d.txt", part.name, k), u.all.Rows)
		if err != nil {
			return nil, nil, err
		}
		if *part.t, err = u.all.Choose(rows); err != nil {
			return nil, nil, err
		}
	}
	return training, test, nil
}

// UCIResult is how well conditional densities predict a table's target.
type UCIResult struct {
	Table         string      `json:"table"`
	Splits        int         `json:"splits"`
	Seconds       float64     `json:"seconds"`
	LogLikelihood float64     `json:"test_log_likelihood"` // nats, mean over the splits
	StandardError float64     `json:"standard_error"`      // over the splits
	Published     *[2]float64 `json:"published,omitempty"` // mean and standard error
	Each          []float64   `json:"each"`                // of each split
}

// members is the number of flows whose densities are averaged, each with other training rows held out for early stopping.
const members = 5

// conditionalSpec is the one flow for all UCI tables: an affine map whose mean and scale depend on the features, and splines for
// what is not normal about the rest.
func conditionalSpec(e *table.Encoding) (flows.Spec, error) {
	hidden := []int{64, 64}
	return flows.Spec{Columns: len(e.Columns), Condition: e.Width(), Base: flows.BaseSpec{Kind: "normal"}, Layers: []flows.LayerSpec{
		{Kind: "standardize"},
		{Kind: "autoregressive", Map: "softplus-affine", Hidden: hidden},
		{Kind: "autoregressive", Map: "spline", Hidden: hidden},
	}}, nil
}

// conditionalRecipe is the one setting for all UCI tables.
func conditionalRecipe(rows, steps int, seed uint64) recipe {
	const batch = 64
	if steps == 0 {
		steps = min(max(2000, 40*rows/batch), 8000)
	}
	c := configure(steps, batch, 50, seed)
	c.LearningRate, c.Optimizer, c.WeightDecay, c.DecayMatrices = 2e-3, "adamw", 0.02, true
	c.EMA, c.Patience, c.Clip = 0.98, 15, 5
	return recipe{spec: conditionalSpec, how: tasks.DensityOptions{Noise: 0.01, ConditionNoise: 0.02}, config: c}
}

// runUCI trains and tests on the first splits of a table.
func runUCI(ctx context.Context, d *tensor.Device, u *UCI, splits int, o Options) (*UCIResult, error) {
	r := &UCIResult{Table: u.Name, Splits: min(splits, u.Splits)}
	if known, ok := Published[u.Name]; ok {
		r.Published = &known
	}
	for k := range r.Splits {
		name := fmt.Sprintf("uci/%s, split %d, %s", u.Name, k, stepsOf(o.ownSteps))
		s, err := once(o.results, name, func() (split, error) {
			start := time.Now()
			l, err := u.test(ctx, d, k, o.ownSteps)
			return split{l, time.Since(start).Seconds()}, err
		})
		if err != nil {
			return nil, fmt.Errorf("%s, split %d: %w", u.Name, k, err)
		}
		r.Each = append(r.Each, s.LogLikelihood)
		r.Seconds += s.Seconds
		say(o.Progress, "%s, split %d of %d: test log-likelihood %.4f", u.Name, k+1, r.Splits, s.LogLikelihood)
	}
	r.LogLikelihood, r.StandardError = meanAndError(r.Each)
	return r, nil
}

// split is the result of one split.
type split struct {
	LogLikelihood float64 `json:"test_log_likelihood"`
	Seconds       float64 `json:"seconds"`
}

// stepsOf names a number of steps, 0 for one that the rows decide.
func stepsOf(steps int) string {
	if steps == 0 {
		return "steps by rows"
	}
	return fmt.Sprint(steps, " steps")
}

// test returns the mean log-likelihood of the test rows of split k under the average of the flows' densities.
func (u *UCI) test(ctx context.Context, d *tensor.Device, k, steps int) (float64, error) {
	training, test, err := u.Split(k)
	if err != nil {
		return 0, err
	}
	e, err := table.NewEncoding(training, []string{u.target}, u.features)
	if err != nil {
		return 0, err
	}
	sums := make([]float64, test.Rows) // log Σ p
	for m := range members {
		fitted, heldOut, err := training.Split(0.1, uint64(m))
		if err != nil {
			return 0, err
		}
		p, err := conditionalRecipe(fitted.Rows, steps, uint64(1+m)).fit(ctx, d, e, fitted, heldOut)
		if err != nil {
			return 0, err
		}
		logs, err := p.LogProb(ctx, test)
		if err != nil {
			return 0, err
		}
		for i, l := range logs {
			if m == 0 {
				sums[i] = l
			} else {
				hi, lo := max(sums[i], l), min(sums[i], l)
				sums[i] = hi + math.Log1p(math.Exp(lo-hi))
			}
		}
	}
	mean := 0.0
	for _, s := range sums {
		mean += (s - math.Log(members)) / float64(len(sums))
	}
	return mean, nil
}
