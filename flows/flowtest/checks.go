package flowtest

import (
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"gonum.org/v1/gonum/mat"
)

// float64s are the elements of a tensor of the float64 device, in place.
func float64s(t *tensor.Tensor) []float64 { return kernel.Slice[float64](engine.Data(t)) }

// checkClose fails if got and want differ by more than tolerance, relative to the larger of 1 and the magnitude.
func checkClose(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tolerance*max(1, math.Abs(want[i]))) { // NaN fails too
			t.Fatalf("%s: element %d is %.10g, want %.10g", what, i, got[i], want[i])
		}
	}
}

// checkShapes fails unless y has the shape of x, and logDet has one number per row.
func checkShapes(t *testing.T, direction string, x, y, logDet *tensor.Tensor) {
	t.Helper()
	if !slices.Equal(y.Shape(), x.Shape()) {
		t.Fatalf("%s of %v has shape %v", direction, x.Shape(), y.Shape())
	}
	if !slices.Equal(logDet.Shape(), []int{x.Dim(0)}) {
		t.Fatalf("log-determinant of %s of %v has shape %v, want [%d]", direction, x.Shape(), logDet.Shape(), x.Dim(0))
	}
}

// checkGradients compares the gradient of a function of z and logDet with central differences.
func checkGradients(t *testing.T, s subject) {
	weight := tensor.NewGenerator(7).Normal(s.device, s.x.Shape()...)
	loss := func() *tensor.Tensor {
		z, logDet := s.Forward(s.x, s.cond)
		return z.Mul(weight).Sum().Add(logDet.Square().Sum())
	}
	if len(nn.Trainable(s)) == 0 {
		t.Log("no parameters")
		return
	}
	func() {
		step := s.device.Record()
		defer step.End()
		loss().Backward()
	}()
	for _, p := range nn.Trainable(s) {
		grad := p.Tensor.Grad()
		if grad == nil {
			t.Errorf("%s receives no gradient", p.Path)
			continue
		}
		got, values := float64s(grad), float64s(p.Tensor)
		if !slices.ContainsFunc(got, func(g float64) bool { return g != 0 }) {
			t.Errorf("%s receives only zeros for a gradient", p.Path)
		}
		for i := 0; i < len(values); i += 1 + len(values)/4 {
			const h = 1e-5
			at := values[i]
			values[i] = at + h
			up := float64s(loss())[0]
			values[i] = at - h
			down := float64s(loss())[0]
			values[i] = at
			want := (up - down) / (2 * h)
			if !(math.Abs(got[i]-want) <= 1e-5*max(1, math.Abs(want))) {
				t.Errorf("gradient of %s[%d] is %.10g, by central differences %.10g", p.Path, i, got[i], want)
			}
		}
	}
}

func checkInverse(t *testing.T, s subject) {
	if err := flows.Invertible(s.Bijection); err != nil {
		t.Fatalf("not invertible in evaluation: %v", err)
	}
	zeros := make([]float64, rows)
	z, forward := s.Forward(s.x, s.cond)
	checkShapes(t, "forward", s.x, z, forward)
	x, inverse := s.Inverse(z, s.cond)
	checkShapes(t, "inverse", z, x, inverse)
	checkClose(t, "inverse(forward(x))", float64s(x), float64s(s.x), 1e-9)
	checkClose(t, "log-determinants of forward and inverse", float64s(forward.Add(inverse)), zeros, 1e-9)

	x, inverse = s.Inverse(s.x, s.cond)
	z, forward = s.Forward(x, s.cond)
	checkClose(t, "forward(inverse(z))", float64s(z), float64s(s.x), 1e-9)
	checkClose(t, "log-determinants of inverse and forward", float64s(forward.Add(inverse)), zeros, 1e-9)
}

func checkJacobian(t *testing.T, s subject) {
	_, logDet := s.Forward(s.x, s.cond)
	checkClose(t, "log-determinant of forward", float64s(logDet), s.logDets(s.Forward), 1e-6)
	_, logDet = s.Inverse(s.x, s.cond)
	checkClose(t, "log-determinant of inverse", float64s(logDet), s.logDets(s.Inverse), 1e-6)
}

// logDets is log|det J| of f at each row, by central differences.
func (s subject) logDets(f func(x, cond *tensor.Tensor) (*tensor.Tensor, *tensor.Tensor)) []float64 {
	const h = 1e-5
	dim := s.x.Dim(1)
	all := make([]float64, rows)
	for r := range all {
		// Rows 2j and 2j+1 are row r with column j moved up and down.
		same := make([]int32, 2*dim)
		for i := range same {
			same[i] = int32(r)
		}
		index := s.device.Ints(same)
		x := s.x.Gather(0, index)
		for j := range dim {
			float64s(x)[2*j*dim+j] += h
			float64s(x)[(2*j+1)*dim+j] -= h
		}
		var cond *tensor.Tensor
		if s.cond != nil {
			cond = s.cond.Gather(0, index)
		}
		y, _ := f(x, cond)
		jacobian := mat.NewDense(dim, dim, nil)
		for j := range dim {
			for i := range dim {
				jacobian.Set(i, j, (float64s(y)[2*j*dim+i]-float64s(y)[(2*j+1)*dim+i])/(2*h))
			}
		}
		all[r], _ = mat.LogDet(jacobian)
	}
	return all
}

// checkState saves s, loads it into a fresh instance and compares all they have and do.
func checkState(t *testing.T, s, fresh subject) {
	path := filepath.Join(t.TempDir(), "bijection.safetensors")
	if err := safetensors.Write(path, weights.Of(s), nil); err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := weights.Load(fresh, file, ""); err != nil {
		t.Fatal(err)
	}
	loaded := weights.Of(fresh)
	for i, saved := range weights.Of(s) {
		if !reflect.DeepEqual(saved, loaded[i]) {
			t.Errorf("%s is not the same after saving and loading", saved.Name)
		}
	}

	fresh.x = fresh.device.From(s.x.Values(), s.x.Shape()...)
	if s.cond != nil {
		fresh.cond = fresh.device.From(s.cond.Values(), s.cond.Shape()...)
	}
	for _, mode := range []struct {
		name     string
		training bool
		run      func(s subject) (y, logDet *tensor.Tensor)
	}{
		{"forward", false, func(s subject) (y, logDet *tensor.Tensor) { return s.Forward(s.x, s.cond) }},
		{"inverse", false, func(s subject) (y, logDet *tensor.Tensor) { return s.Inverse(s.x, s.cond) }},
		{"forward in training", true, func(s subject) (y, logDet *tensor.Tensor) { return s.Forward(s.x, s.cond) }},
	} {
		s.SetTraining(mode.training)
		fresh.SetTraining(mode.training)
		y, logDet := mode.run(s)
		y2, logDet2 := mode.run(fresh)
		if !slices.Equal(y.Values(), y2.Values()) || !slices.Equal(logDet.Values(), logDet2.Values()) {
			t.Errorf("%s gives something else after saving and loading", mode.name)
		}
	}
}
