package tasks

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/zerotest"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/train"
)

// normals makes a table of x from N(3, 2²) and y = x/2 + ε, ε from N(0, 0.5²), a class and a whole number from it.
func normals(t *testing.T, n int) *table.Table {
	t.Helper()
	r, rows := rand.New(rand.NewPCG(3, 4)), make([]float64, 0, 4*n)
	for range n {
		x := 3 + 2*r.NormFloat64()
		rows = append(rows, x, x/2+r.NormFloat64()/2, float64(r.IntN(2)), math.Floor(x))
	}
	got, err := table.FromRows("normals", []string{"x", "y", "class", "whole"}, rows, map[string]table.Kind{"class": table.Category})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// described makes the description of a density over target given condition.
func described(t *testing.T, of *table.Table, target, condition []string) table.Description {
	t.Helper()
	e, err := table.NewEncoding(of, target, condition)
	if err != nil {
		t.Fatal(err)
	}
	return table.Description{Path: of.Path, Share: 0.1, Encoding: *e}
}

// smallSpec is an architecture with one hidden layer of eight.
func smallSpec(t *testing.T, name string, e *table.Encoding) flows.Spec {
	t.Helper()
	s, err := DensitySpec(name, e)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Layers {
		if len(s.Layers[i].Hidden) > 0 {
			s.Layers[i].Hidden = []int{8}
		}
	}
	return s
}

// TestDensityLearnsANormal expects the held-out negative log-likelihood of correlated normal columns to come within 0.05 nats of
// their entropy, and that of the second given the first likewise.
func TestDensityLearnsANormal(t *testing.T) {
	d := open(t)
	defer d.Close()
	all := normals(t, 4400)
	training, heldOut, err := all.Split(0.1, 1)
	if err != nil {
		t.Fatal(err)
	}
	entropy := func(deviation float64) float64 { return 0.5*math.Log(2*math.Pi*math.E) + math.Log(deviation) }
	for _, test := range []struct {
		architecture      string
		target, condition []string
		entropy           float64
	}{
		{"maf", []string{"x", "y"}, []string{"class"}, entropy(2) + entropy(0.5)},
		{"nsf", []string{"y"}, []string{"x"}, entropy(0.5)},
	} {
		description := described(t, all, test.target, test.condition)
		c := DefaultDensity().Training
		c.Steps, c.Batch, c.EvalEvery, c.SampleEvery, c.CheckpointEvery, c.EMA, c.LearningRate = 600, 128, 0, 0, 0, 0.98, 5e-3
		c.Patience = 0
		_, task, err := Density(context.Background(), d, smallSpec(t, test.architecture, &description.Encoding), DensityOptions{}, description,
			training, heldOut, Options{Batch: c.Batch, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		task.Samples = nil
		result, err := train.Run(context.Background(), t.TempDir(), *task, c, train.Options{})
		if err != nil {
			t.Fatal(err)
		}
		loss, deviation := result.HeldOut["loss"], result.HeldOut["standard_error"]
		// The mean of −log p of the held-out rows under the true density differs from the entropy, too, by about the standard error.
		if gap := loss - test.entropy; gap > 0.05+2*deviation || gap < -4*deviation {
			t.Errorf("%s: held-out loss %.4f ± %.4f, entropy %.4f", test.architecture, loss, deviation, test.entropy)
		}
	}
}

// TestDensityResumes interrupts trainings with noise, dequantization and conditions, resumes them, and expects the same bits.
func TestDensityResumes(t *testing.T) {
	d := open(t)
	defer d.Close()
	all := normals(t, 100)
	training, heldOut, err := all.Split(0.2, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, architecture := range Architectures {
		t.Run(architecture, func(t *testing.T) {
			description := described(t, all, nil, []string{"class"})
			o := Options{Batch: 16, Seed: 4}
			trained := trainedBy(func() (nn.Module, *train.Task[train.RowBatch], error) {
				return Density(context.Background(), d, smallSpec(t, architecture, &description.Encoding), DensityOptions{Noise: 0.1, ConditionNoise: 0.1},
					description, training, heldOut, o)
			})
			c := train.DefaultConfig()
			c.Steps, c.Batch, c.Seed, c.EvalEvery, c.SampleEvery = 12, o.Batch, o.Seed, 4, 0
			whole := trained(t, filepath.Join(t.TempDir(), "whole"), c, 0)
			broken := filepath.Join(t.TempDir(), "broken")
			trained(t, broken, c, 5)
			alike(t, whole, trained(t, broken, c, 0))
			p, err := sample.OpenDensity(context.Background(), broken, d)
			if err != nil {
				t.Fatal(err)
			}
			logs, err := p.LogProb(context.Background(), heldOut)
			if err != nil || len(logs) != heldOut.Rows {
				t.Fatalf("%d log-densities of %d rows: %v", len(logs), heldOut.Rows, err)
			}
			for i, l := range logs {
				if math.IsNaN(l) || math.IsInf(l, 0) {
					t.Errorf("row %d has the log-density %v", i, l)
				}
			}
		})
	}
}

// TestDensityRefuses checks the errors of settings and tables that don't fit.
func TestDensityRefuses(t *testing.T) {
	d := open(t)
	defer d.Close()
	all := normals(t, 20)
	description := described(t, all, []string{"x", "y"}, nil)
	s := smallSpec(t, "maf", &description.Encoding)
	o := Options{Batch: 4, Seed: 1}
	ctx := context.Background()
	zerotest.Refuses(t, "Density", Density, nil)
	zerotest.Refuses(t, "Density without a device", Density, map[int]any{2: s, 4: description, 5: all, 7: o})
	zerotest.Refuses(t, "Density without layers", Density, map[int]any{1: d, 4: description, 5: all, 7: o})
	zerotest.Refuses(t, "Density without a description", Density, map[int]any{1: d, 2: s, 5: all, 7: o})
	zerotest.Refuses(t, "Density without a table", Density, map[int]any{1: d, 2: s, 4: description, 7: o})
	zerotest.Refuses(t, "Density of an empty table", Density, map[int]any{1: d, 2: s, 4: description, 5: &table.Table{}, 7: o})
	zerotest.Refuses(t, "Density without a batch", Density, map[int]any{1: d, 2: s, 4: description, 5: all})
	zerotest.Methods(t, &DensityOptions{})
	if _, err := DensitySpec("", &description.Encoding); err == nil {
		t.Error("an architecture without a name is accepted")
	}
	if _, err := DensitySpec("maf", nil); err == nil {
		t.Error("an encoding that is nil is accepted")
	}
	one, _ := all.Choose([]int{3})
	same, _ := all.Choose([]int{3, 3, 3, 3})
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for want, f := range map[string]func() error{
		"1 rows": func() error {
			_, _, err := Density(ctx, d, s, DensityOptions{}, description, one, nil, Options{Batch: 1})
			return err
		},
		`"x"`: func() error { _, _, err := Density(ctx, d, s, DensityOptions{}, description, same, nil, o); return err },
		"Noise": func() error {
			_, _, err := Density(ctx, d, s, DensityOptions{Noise: -1}, description, all, nil, o)
			return err
		},
		"ConditionNoise": func() error {
			_, _, err := Density(ctx, d, s, DensityOptions{ConditionNoise: math.NaN()}, description, all, nil, o)
			return err
		},
		"Batch": func() error {
			_, _, err := Density(ctx, d, s, DensityOptions{}, description, all, nil, Options{Batch: 21})
			return err
		},
		fmt.Sprint(context.Canceled): func() error {
			_, _, err := Density(ended, d, s, DensityOptions{}, description, all, nil, o)
			return err
		},
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", want, err)
		}
	}
	if err := d.Exclusive(ctx, func() error { return nil }); err != nil || errors.Is(err, context.Canceled) {
		t.Errorf("the device is not released: %v", err)
	}
}
