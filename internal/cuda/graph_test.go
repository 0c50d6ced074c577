//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ebitengine/purego"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestGraphsAreTheSame trains with and without graphs, on batches of two sizes, and compares the results to the bit. With many
// layers, several segments have the same shape but different layers.
func TestGraphsAreTheSame(t *testing.T) {
	for _, count := range []int{2, 9} {
		with, without := newLayers(another(t, emulator.Functions(), true), count, 8), newLayers(another(t, emulator.Functions(), false), count, 8)
		for step, rows := range []int{4, 4, 4, 9, 4, 9, 4} {
			if got, want := with.train(rows), without.train(rows); got != want {
				t.Fatalf("%d layers, step %d: %g, without graphs %g", count, step+1, got, want)
			}
		}
		if !slices.Equal(with.contents(), without.contents()) {
			t.Errorf("%d layers: weights or moments differ from those without graphs", count)
		}
		if g := with.d.Graphs(); g.Off != nil || g.Launched == 0 {
			t.Errorf("%d layers: %d graphs were launched: %v", count, g.Launched, g.Off)
		}
		if g := without.d.Graphs(); g.Captured+g.Launched != 0 {
			t.Errorf("%d layers: %d graphs on the device without", count, g.Captured)
		}
	}
}

// TestGraphsComeToRest checks that repeated steps need no new graphs after a while, and change only the nodes that differ: the
// numbers of a batch, the offsets of random numbers, and Adam's parameters.
func TestGraphsComeToRest(t *testing.T) {
	const count = 9
	l := newLayers(another(t, emulator.Functions(), true), count, 8)
	for range 4 {
		l.train(4)
	}
	before := l.d.Graphs()
	l.train(4)
	after := l.d.Graphs()
	if after.Captured != before.Captured {
		t.Errorf("%d graphs, %d the step before", after.Captured, before.Captured)
	}
	calls := 1 + 4*count + 1 + 1 // and the sum of a few rows
	if got, want := after.Launched-before.Launched, calls/longestSegment; got < want {
		t.Errorf("%d graphs for %d calls, want %d at least", got, calls, want)
	}
	if got, want := after.Set-before.Set, 1+count+1; got > want {
		t.Errorf("%d nodes were changed, want %d at most", got, want)
	}
}

// TestGraphsOfLimitedNumber has more variants of a shape than graphs are kept.
func TestGraphsOfLimitedNumber(t *testing.T) {
	d := another(t, emulator.Functions(), true)
	x := d.Alloc(8)
	d.Fill(x, 1)
	for _, n := range []int{mostVariants + 5, 2} { // more results than variants, then few
		y := make([]kernel.Buffer, n)
		for i := range y {
			y[i] = d.Alloc(8)
		}
		for range 3 {
			for i, b := range y {
				for range fewestCalls {
					d.Unary(kernel.Scale, float64(i), x, b)
				}
				d.Synchronize()
			}
		}
		for i, b := range y {
			got := make([]float32, 8)
			if d.Download(got, b); got[0] != float32(i) {
				t.Errorf("result %d is %g", i, got[0])
			}
		}
		if d.Graphs().Captured > mostVariants {
			t.Errorf("%d graphs of one shape", d.Graphs().Captured)
		}
	}
	d.Close()
	if d.Graphs().Captured != 0 || len(d.graphs.byShape) != 0 {
		t.Errorf("%d graphs after Close", d.Graphs().Captured)
	}
}

// TestGraphsThatFail has a driver whose graph functions fail: work is launched call by call.
func TestGraphsThatFail(t *testing.T) {
	const notSupported = 801
	broken := purego.NewCallback(func(a, b, c, d, e, f uintptr) uintptr { return notSupported })
	var want []float32
	for without := newLayers(another(t, emulator.Functions(), false), 1, 8); len(want) < 6; {
		want = append(want, without.train(4))
	}
	for _, name := range []string{"cuStreamBeginCapture_v2", "cuStreamGetCaptureInfo_v2", "cuGraphInstantiateWithFlags", "cuGraphExecKernelNodeSetParams_v2", "cuGraphLaunch"} {
		functions := maps.Clone(emulator.Functions())
		functions[name] = broken
		with := newLayers(another(t, functions, true), 1, 8)
		for _, want := range want {
			if got := with.train(4); got != want {
				t.Fatalf("without %s: %g, want %g", name, got, want)
			}
		}
		var failure *fault.DeviceError
		if g := with.d.Graphs(); !errors.As(g.Off, &failure) || failure.Call != name || g.Captured != 0 {
			t.Errorf("without %s there are %d graphs: %v", name, g.Captured, g.Off)
		}
	}
}

// TestWithoutFunctionsForGraphs has a driver without a function that only graphs need.
func TestWithoutFunctionsForGraphs(t *testing.T) {
	functions := maps.Clone(emulator.Functions())
	delete(functions, "cuStreamGetCaptureInfo_v2")
	l := newLayers(another(t, functions, true), 1, 8)
	for range 3 {
		l.train(4)
	}
	if use := l.d.Graphs(); use.Off == nil || !strings.Contains(use.Off.Error(), "cuStreamGetCaptureInfo_v2") || use.Captured != 0 {
		t.Errorf("use of graphs: %+v", use)
	}
}

// TestGraphsWithLibrary has products by a fake cuBLAS, which does nothing, among the calls. A graph must only be used for the
// products that it was captured with, since their parameters can't be changed.
func TestGraphsWithLibrary(t *testing.T) {
	libc, err := openLibrary("libc.so.6")
	if err != nil {
		t.Skip(err)
	}
	d := another(t, emulator.Functions(), true)
	d.products.blas, d.products.looked = &blas{constants: &[2]float32{0, 1}}, true
	if d.products.blas.product, err = findSymbol(libc, "sched_yield"); err != nil { // accepts any arguments and returns 0
		t.Fatal(err)
	}
	x := d.Alloc(64)
	d.Fill(x, 1)
	d.Synchronize()
	for i, step := range []struct {
		product            int // first element of its operand
		captured, launched int
	}{{0, 0, 0}, {0, 1, 1}, {0, 1, 2}, {8, 1, 2}, {8, 2, 3}, {0, 2, 4}} {
		y := d.Alloc(64)
		for j := range fewestCalls {
			d.Unary(kernel.AddScalar, float64(j), x, y)
		}
		d.libraryGemm(kernel.Gemm{M: 2, N: 2, K: 2, Batch: 1, LdA: 2, LdB: 2, LdC: 2}, x.Slice(step.product, 4), x, kernel.Buffer{}, x)
		d.Unary(kernel.Scale, float64(i), y, y)
		got := make([]float32, 64)
		if d.Download(got, y); got[63] != float32(i*fewestCalls) {
			t.Errorf("step %d: %g, want %d", i, got[63], i*fewestCalls)
		}
		if use := d.Graphs(); use.Off != nil || use.Captured != step.captured || use.Launched != step.launched {
			t.Errorf("step %d: use of graphs: %+v, want %d captured and %d launched", i, use, step.captured, step.launched)
		}
		d.Free(y)
	}
}
