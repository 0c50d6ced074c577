package sample

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/zerotest"
	"github.com/bestiary-ml/bestiary/tensor"
)

// densityOn makes an untrained density over a number, a whole number and a share, given a class and an angle.
func densityOn(t *testing.T, d *tensor.Device, n int) (*Density, *table.Table) {
	t.Helper()
	r, rows := rand.New(rand.NewPCG(1, 2)), make([]float64, 0, 5*n)
	for range n {
		rows = append(rows, 1e6+r.NormFloat64(), float64(r.IntN(9)), r.Float64(), float64(r.IntN(3)), 360*r.Float64())
	}
	got, err := table.FromRows("pets", []string{"number", "count", "share", "class", "angle"}, rows, map[string]table.Kind{
		"class": table.Category, "share": table.Unit, "angle": table.Angle})
	if err != nil {
		t.Fatal(err)
	}
	e, err := table.NewEncoding(got, []string{"number", "count", "share"}, []string{"class", "angle"})
	if err != nil {
		t.Fatal(err)
	}
	s := flows.MAF(3, e.Width())
	for i := range s.Layers {
		if len(s.Layers[i].Hidden) > 0 {
			s.Layers[i].Hidden = []int{8}
		}
	}
	var p *Density
	err = d.Exclusive(context.Background(), func() error {
		f, err := flows.New(d, s, tensor.NewGenerator(1))
		if err != nil {
			return err
		}
		f.SetTraining(false)
		p, err = NewDensity(d, table.Description{Path: "pets", Encoding: *e}, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, got
}

// TestDensityBatches expects the log-density of a row not to depend on the rows beside it, except for the noise of whole numbers,
// which depends on the place in its batch; and samples not to depend on how many are drawn.
func TestDensityBatches(t *testing.T) {
	d := openDevice(t)
	p, all := densityOn(t, d, 2*densityBatch+100)
	logs, err := p.LogProb(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	first, err := all.Choose([]int{0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.LogProb(t.Context(), first)
	if err != nil || len(logs) != all.Rows {
		t.Fatal(len(logs), err)
	}
	for i, l := range again {
		if math.Abs(l-logs[i]) > 0.5 || math.IsNaN(l) {
			t.Errorf("row %d has the log-density %v alone and %v among others", i, l, logs[i])
		}
	}
	whole, wholeLogs, err := p.SampleFor(t.Context(), all, 1, 7)
	if err != nil || len(whole) != 3*all.Rows || len(wholeLogs) != all.Rows {
		t.Fatal(len(whole), len(wholeLogs), err)
	}
	head, err := all.Choose([]int{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	some, _, err := p.SampleFor(t.Context(), head, densityBatch, 7)
	if err != nil || len(some) != 2*densityBatch*3 {
		t.Fatal(len(some), err)
	}
	for i := 0; i < len(some); i += 3 {
		if some[i+1] != math.Floor(some[i+1]) || some[i+2] < 0 || some[i+2] > 1 || math.Abs(some[i]-1e6) > 100 {
			t.Fatalf("row %d is %v", i/3, some[i:i+3])
		}
	}
	given := map[string]string{"class": "1", "angle": "20"}
	rows, rowLogs, err := p.Sample(t.Context(), 5, given, 3)
	more, _, _ := p.Sample(t.Context(), 5, given, 3)
	if err != nil || len(rows) != 15 || len(rowLogs) != 5 || !slices.Equal(rows, more) {
		t.Errorf("%d numbers, the same again: %t, %v", len(rows), slices.Equal(rows, more), err)
	}
}

// TestDensityRefuses checks arguments that are not allowed, zero values and ended contexts.
func TestDensityRefuses(t *testing.T) {
	d := openDevice(t)
	p, all := densityOn(t, d, 10)
	for name, f := range map[string]any{
		"NewDensity": NewDensity, "OpenDensity": OpenDensity, "LogProb": p.LogProb, "Sample": p.Sample, "SampleFor": p.SampleFor, "SavePairs": SavePairs,
	} {
		zerotest.Refuses(t, name, f, nil)
	}
	zerotest.Refuses(t, "NewDensity without a flow", NewDensity, map[int]any{0: d})
	zerotest.Refuses(t, "OpenDensity of no run", OpenDensity, map[int]any{1: filepath.Join(t.TempDir(), "none"), 2: d})
	zerotest.Refuses(t, "SampleFor without draws", p.SampleFor, map[int]any{1: all})
	zerotest.Methods(t, &Density{})
	zerotest.Methods(t, (*Density)(nil))
	if (&Density{}).Data().Path != "" || (&Density{}).Flow() != nil {
		t.Error("a zero value has data or a flow")
	}
	given := map[string]string{"class": "1", "angle": "20"}
	for _, bad := range []map[string]string{nil, {"class": "1"}, {"class": "5", "angle": "20"}, {"class": "1", "angle": "x"}, {"class": "1", "angle": "1", "b": "2"}} {
		if _, _, err := p.Sample(t.Context(), 5, bad, 3); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
	if _, _, err := p.Sample(t.Context(), math.MaxInt, given, 3); err == nil {
		t.Error("any number of rows is accepted")
	}
	if _, _, err := p.SampleFor(t.Context(), all, math.MaxInt, 3); err == nil {
		t.Error("any number of draws is accepted")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.LogProb(ended, all); !errors.Is(err, context.Canceled) {
		t.Errorf("LogProb with an ended context: %v", err)
	}
	if _, _, err := p.Sample(ended, 5, given, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("Sample with an ended context: %v", err)
	}
	if _, _, err := p.SampleFor(ended, all, 1, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("SampleFor with an ended context: %v", err)
	}
}
