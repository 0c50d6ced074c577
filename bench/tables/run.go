package tables

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train/tasks"
)

// Options say what is measured.
type Options struct {
	// Only are names of what to measure, or prefixes up to a slash: toy, toy/moons, uci, uci/yacht, maf/power, digits, pets. Empty: all
	// toys, and all tables that Data, Digits and Run have.
	Only          []string
	Architectures []string  // for toys, digits and the tables of MAF; empty: nsf, maf, realnvp
	Steps         int       // of a training; 0: 3000, for UCI's tables 2000 to 8000 by their rows, and 4000 at most for embeddings
	Splits        int       // of each UCI table, at most; 0: 20
	Data          string    // folder with UCI tables, and folders power, gas, hepmass, miniboone and BSDS300; "" for none
	Digits        string    // table of scikit-learn's digits; "" for none
	Run           string    // run folder with an autoencoder, whose embeddings are learned; "" for none
	JSON          bool      // print a JSON object for each result
	Progress      io.Writer // gets lines of progress; nil: nothing

	// Results is a file that keeps each result as soon as it is measured, and each split of a UCI table; "" for none. What it has
	// is printed and not measured again, so that a run can be interrupted and repeated, or divided by Only.
	Results string

	ownSteps int // Steps as given: UCI's tables and embeddings have defaults of their own
	results  *results
}

// withDefaults returns o with its defaults, or a [*fault.FieldError].
func (o Options) withDefaults() (Options, error) {
	if len(o.Architectures) == 0 {
		o.Architectures = []string{"nsf", "maf", "realnvp"}
	}
	for _, a := range o.Architectures {
		if !slices.Contains(tasks.Architectures, a) {
			return o, fault.Field("Architectures", fmt.Sprintf("%.80q", a), "must be some of %q", tasks.Architectures)
		}
	}
	if o.ownSteps = o.Steps; o.Steps == 0 {
		o.Steps = 3000
	}
	if o.Splits == 0 {
		o.Splits = 20
	}
	return o, require.Sizes(require.Size{Field: "Steps", Value: o.Steps, Min: 1, Max: 10_000_000}, require.Size{Field: "Splits", Value: o.Splits, Min: 1, Max: 1000})
}

// work is something to measure.
type work struct {
	name string
	run  func(ctx context.Context, d *tensor.Device, o Options) (any, string, error)
}

// Run measures on a device and prints each result to w, as a line or a JSON object.
func Run(ctx context.Context, d *tensor.Device, o Options, w io.Writer) error {
	if err := require.Device(d); err != nil {
		return err
	}
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	all, err := o.list()
	if err != nil {
		return err
	}
	if o.results, err = openResults(o.Results); err != nil {
		return err
	}
	var chosen []work
	for _, one := range all {
		if len(o.Only) == 0 || slices.ContainsFunc(o.Only, func(only string) bool {
			return one.name == only || strings.HasPrefix(one.name, strings.TrimSuffix(only, "/")+"/")
		}) {
			chosen = append(chosen, one)
		}
	}
	if len(chosen) == 0 {
		var names []string
		for _, one := range all {
			names = append(names, one.name)
		}
		return fault.Field("Only", fmt.Sprintf("%.80q", o.Only), "must name some of %s", strings.Join(names, ", "))
	}
	out := json.NewEncoder(w)
	for _, one := range chosen {
		result, line, err := one.run(ctx, d, o)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", one.name, err)
		case o.JSON:
			err = out.Encode(result)
		default:
			_, err = fmt.Fprintln(w, line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// list returns what can be measured: toys with each architecture, and the tables that are there.
func (o Options) list() (all []work, err error) {
	for _, toy := range Toys() {
		for _, a := range o.Architectures {
			all = append(all, work{"toy/" + toy.Name + "/" + a, func(ctx context.Context, d *tensor.Device, o Options) (any, string, error) {
				name := fmt.Sprintf("toy/%s/%s, %d steps", toy.Name, a, o.Steps)
				r, err := once(o.results, name, func() (*ToyResult, error) { return runToy(ctx, d, toy, a, o) })
				if err != nil {
					return nil, "", err
				}
				line := fmt.Sprintf("%-14s %-8s NLL %8.4f, entropy %8.4f, gap %7.4f ± %.4f nats", r.Toy, r.Architecture, r.NLL, r.Entropy, r.Gap, r.StandardError)
				if r.Integral != nil {
					line += fmt.Sprintf(", integral %.4f", *r.Integral)
				}
				return r, line + fmt.Sprintf(", %.0f s", r.Seconds), nil
			}})
		}
	}
	if o.Digits != "" {
		for _, a := range o.Architectures {
			all = append(all, work{"digits/" + a, func(ctx context.Context, d *tensor.Device, o Options) (any, string, error) {
				parts, err := Digits(o.Digits)
				return runParts(ctx, d, "digits", parts, err, a, o)
			}})
		}
	}
	if o.Run != "" {
		all = append(all, o.listPets()...)
	}
	if o.Data == "" {
		return all, nil
	}
	entries, err := os.ReadDir(o.Data)
	if err != nil {
		return nil, fault.Field("Data", o.Data, "must be a folder with tables: %v", err)
	}
	found := false
	for _, entry := range entries {
		dir := filepath.Join(o.Data, entry.Name())
		if _, err := os.Stat(filepath.Join(dir, "index_target.txt")); err == nil {
			found = true
			all = append(all, work{"uci/" + entry.Name(), func(ctx context.Context, d *tensor.Device, o Options) (any, string, error) {
				u, err := OpenUCI(dir)
				if err != nil {
					return nil, "", err
				}
				r, err := runUCI(ctx, d, u, o.Splits, o)
				if err != nil {
					return nil, "", err
				}
				line := fmt.Sprintf("%-18s test log-likelihood %8.4f ± %.4f nats, %d splits", r.Table, r.LogLikelihood, r.StandardError, r.Splits)
				if r.Published != nil {
					line += fmt.Sprintf(", published %.2f ± %.2f", r.Published[0], r.Published[1])
				}
				return r, line + fmt.Sprintf(", %.0f s", r.Seconds), nil
			}})
		}
		load, known := loaders[strings.ToLower(entry.Name())]
		for _, a := range o.Architectures {
			if known {
				found = true
				name := strings.ToLower(entry.Name())
				all = append(all, work{"maf/" + name + "/" + a, func(ctx context.Context, d *tensor.Device, o Options) (any, string, error) {
					parts, err := load(dir)
					return runParts(ctx, d, name, parts, err, a, o)
				}})
			}
		}
	}
	if !found {
		return nil, fault.Field("Data", o.Data, "must hold folders of tables with data.txt and index_target.txt, or power, gas, hepmass, miniboone or BSDS300")
	}
	return all, nil
}

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
