package eval

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/zerotest"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestEvaluateTable measures a normal distribution on rows from it, and one whose standard deviation is half as large.
func TestEvaluateTable(t *testing.T) {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	const n = 2000
	r, rows := rand.New(rand.NewPCG(5, 6)), make([]float64, 2*n)
	for i := range rows {
		rows[i] = 10 + 3*r.NormFloat64()
	}
	all, err := table.FromRows("normals", []string{"a", "b"}, rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := table.NewEncoding(all, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	measure := func(deviation float32) *TableReport {
		var p *sample.Density
		err := d.Exclusive(t.Context(), func() error {
			f, err := flows.New(d, flows.Spec{Columns: 2, Base: flows.BaseSpec{Kind: "normal"}, Layers: []flows.LayerSpec{{Kind: "standardize"}}}, tensor.NewGenerator(1))
			if err != nil {
				return err
			}
			err = f.Fit(func(yield func([]float32) bool) {
				_ = yield([]float32{-deviation, -deviation}) && yield([]float32{deviation, deviation})
			})
			if err != nil {
				return err
			}
			f.SetTraining(false)
			p, err = sample.NewDensity(d, table.Description{Encoding: *e}, f)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		report, err := EvaluateTable(context.Background(), p, all, TableOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	good := measure(1)
	entropy := 2 * (0.5*math.Log(2*math.Pi*math.E) + math.Log(3))
	if good.Rows != n || math.Abs(good.LogLikelihood+entropy) > 4*good.StandardError || good.StandardError > 0.05 {
		t.Errorf("mean log-likelihood %.4f ± %.4f, entropy %.4f", good.LogLikelihood, good.StandardError, entropy)
	}
	for _, c := range good.Calibration {
		if c.Distance > 1.5*c.Critical || c.Rows != 1000 {
			t.Errorf("column %s: distance %v, critical %v", c.Column, c.Distance, c.Critical)
		}
		for _, v := range c.Coverage {
			if math.Abs(v.Share-v.Level) > 4.5*v.StandardError {
				t.Errorf("column %s: the interval of %v covers %v", c.Column, v.Level, v.Share)
			}
		}
	}
	narrow := measure(0.5)
	for _, c := range narrow.Calibration {
		if c.Distance < 2*c.Critical || c.Histogram[0] < 0.15 || c.Histogram[9] < 0.15 || c.Coverage[2].Share > 0.7 {
			t.Errorf("a density that is too narrow: %+v", c)
		}
	}
	if good.LogLikelihood < narrow.LogLikelihood+1 {
		t.Errorf("log-likelihoods %v and %v", good.LogLikelihood, narrow.LogLikelihood)
	}
	if err := good.SavePlot(filepath.Join(t.TempDir(), "plot.png")); err != nil {
		t.Error(err)
	}
	zerotest.Refuses(t, "EvaluateTable", EvaluateTable, nil)
	zerotest.Methods(t, &TableReport{})
	zerotest.Methods(t, (*TableReport)(nil))
	for _, o := range []TableOptions{{Rows: -1}, {Draws: 5}, {Draws: math.MaxInt}} {
		if o.Validate() == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}
