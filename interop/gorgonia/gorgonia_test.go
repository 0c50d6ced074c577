package gorgonia

import (
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/tensor"
	G "gorgonia.org/gorgonia"
	dense "gorgonia.org/tensor"
)

func device(t *testing.T) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestTensors(t *testing.T) {
	d := device(t)
	x := tensor.NewGenerator(1).Normal(d, 2, 3, 4)
	there := ToDense(x)
	back, err := FromDense(d, there)
	if err != nil || !slices.Equal(back.Values(), x.Values()) || !slices.Equal(back.Shape(), x.Shape()) {
		t.Errorf("%v, %v", back, err)
	}
	there.Set(0, float32(99))
	if x.Values()[0] == 99 || back.Values()[0] == 99 {
		t.Error("the copies share memory")
	}
	m := dense.New(dense.WithShape(2, 3), dense.WithBacking([]float64{1, 2, 3, 4, 5, 6}))
	if err := m.T(); err != nil {
		t.Fatal(err)
	}
	if got, err := FromDense(d, m); err != nil || !slices.Equal(got.Values(), []float32{1, 4, 2, 5, 3, 6}) || !slices.Equal(got.Shape(), []int{3, 2}) {
		t.Errorf("a transposed matrix gives %v, %v", got, err)
	}
	m.UT()
	cut, err := m.Slice(nil, G.S(1, 3))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := FromDense(d, cut.(*dense.Dense)); err != nil || !slices.Equal(got.Values(), []float32{2, 3, 5, 6}) {
		t.Errorf("columns of a matrix give %v, %v", got, err)
	}
	if got, err := FromDense(d, ToDense(x.Sum())); err != nil || got.Len() != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := FromDense(d, dense.New(dense.WithShape(2), dense.WithBacking([]int{1, 2}))); err == nil {
		t.Error("whole numbers are accepted")
	}
}

// TestFlow compares trained flows with their graphs: latent rows, log-determinants, log-densities, and the gradient of the
// density by the rows.
func TestFlow(t *testing.T) {
	d := device(t)
	g := tensor.NewGenerator(3)
	_, pets := toy.Flow(d)
	configs := map[string]flows.Config{
		"two networks, reversed": {Dim: 5, Layers: 3, Hidden: []int{8}, Mask: flows.Odds, Permutation: flows.ReverseOrder, Norm: flows.NoNormalization},
		"flipped masks":          {Dim: 4, Classes: 3, Layers: 4, Hidden: []int{8, 6}, SingleNetwork: true, Mask: flows.Half, Permutation: flows.FlipMasks, Norm: flows.BatchNormalization, Standardize: true},
		"the default":            flows.DefaultConfig(32, 2),
	}
	all := map[string]*flows.RealNVP{"fitted to embeddings": pets}
	for name, c := range configs {
		f, err := flows.NewRealNVP(d, c, g)
		if err != nil {
			t.Fatal(err)
		}
		f.Forward(g.Normal(d, 64, c.Dim), classes(d, 64, c.Classes)) // running statistics
		f.SetTraining(false)
		all[name] = f
	}
	for name, f := range all {
		g := tensor.NewGenerator(4) // the same rows for a flow, whatever the order of the map
		for _, rows := range []int{1, 7} {
			check(t, name, d, f, g, rows)
		}
	}
}

// classes returns one-hot classes; nil for none.
func classes(d *tensor.Device, rows, n int) *tensor.Tensor {
	if n == 0 {
		return nil
	}
	ids := make([]int, rows)
	for i := range ids {
		ids[i] = i % n
	}
	oneHot, err := flows.OneHot(d, ids, n)
	if err != nil {
		panic(err) // the labels are right
	}
	return oneHot
}

func check(t *testing.T, name string, d *tensor.Device, f *flows.RealNVP, random *tensor.Generator, rows int) {
	t.Helper()
	given := classes(d, rows, f.Config.Classes)
	x, _ := f.Inverse(random.Normal(d, rows, f.Config.Dim), given) // samples: a flow magnifies rounding at improbable rows
	z, logDet := f.Forward(x, given)
	logProb := f.LogProb(x, given)

	g := G.NewGraph()
	input := G.NodeFromAny(g, ToDense(x), G.WithName("x"))
	var oneHot *G.Node
	if given != nil {
		oneHot = G.NodeFromAny(g, ToDense(given), G.WithName("classes"))
	}
	e, err := Express(f, input, oneHot)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	loss, err := G.Sum(e.LogProb)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := G.Grad(loss, input); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var values [3]G.Value
	for i, n := range []*G.Node{e.Z, e.LogDet, e.LogProb} {
		G.Read(n, &values[i])
	}
	machine := G.NewTapeMachine(g, G.BindDualValues(input))
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	near := func(what string, got G.Value, want []float32) {
		t.Helper()
		all, ok := got.Data().([]float32)
		if !ok || len(all) != len(want) {
			t.Fatalf("%s, %d rows: %s is %v", name, rows, what, got)
		}
		for i, v := range all {
			if !(math.Abs(float64(v-want[i])) <= 1e-5*math.Max(1, math.Abs(float64(want[i])))) {
				t.Fatalf("%s, %d rows: %s: number %d is %v, want %v", name, rows, what, i, v, want[i])
			}
		}
	}
	near("z", values[0], z.Values())
	near("the log-determinant", values[1], logDet.Values())
	near("the log-density", values[2], logProb.Values())

	gradient, err := input.Grad()
	if err != nil {
		t.Fatal(err)
	}
	// a number of the gradient is the difference of larger ones
	golden.Near(t, name+": the gradient", gradient.Data().([]float32), gradientOf(d, f, x, given), 1e-5)
}

// gradientOf is the gradient of the sum of log-densities by the rows.
func gradientOf(d *tensor.Device, f *flows.RealNVP, x, given *tensor.Tensor) []float32 {
	own := d.From(x.Values(), x.Shape()...).SetRequiresGrad(true)
	step := d.Record()
	defer step.End()
	f.LogProb(own, given).Sum().Backward()
	return own.Grad().Values()
}

func TestWrongGraphs(t *testing.T) {
	d := device(t)
	_, f := toy.Flow(d)
	g := G.NewGraph()
	narrow := G.NewMatrix(g, G.Float32, G.WithShape(3, 4), G.WithName("narrow"))
	right := G.NewMatrix(g, G.Float32, G.WithShape(3, toy.Embedding), G.WithName("right"))
	for name, nodes := range map[string][2]*G.Node{
		"too few columns": {narrow, nil}, "no classes": {right, nil}, "wrong classes": {right, narrow},
		"float64": {G.NewMatrix(g, G.Float64, G.WithShape(3, toy.Embedding), G.WithName("wide")), nil},
	} {
		if _, err := Express(f, nodes[0], nodes[1]); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
