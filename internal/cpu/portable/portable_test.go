package portable

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// These tests compare with definitions what the gradient checks of package tensor don't reach.

// float64s returns the device that checks gradients.
func float64s(threads int) *Device[float64] { return New[float64]("cpu/float64", pool.New(threads)) }

// newSource returns a generator; rapid draws only its seed, because shrinking numbers is useless.
func newSource(t *rapid.T) *rand.Rand {
	return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
}

// wide64 returns n random numbers.
func wide64(s *rand.Rand, n int) kernel.Buffer {
	v := make([]float64, n)
	for i := range v {
		v[i] = s.NormFloat64()
	}
	return kernel.Host(v)
}

// walk calls f with every index into a shape.
func walk(shape []int, f func(at []int)) {
	at := make([]int, len(shape))
	var dim func(i int)
	dim = func(i int) {
		if i == len(shape) {
			f(at)
			return
		}
		for at[i] = range shape[i] {
			dim(i + 1)
		}
		at[i] = 0
	}
	dim(0)
}

func dot(at []int, strides kernel.Dims) int {
	sum := 0
	for i, a := range at {
		sum += a * strides[i]
	}
	return sum
}

func TestPortableCopy(t *testing.T) {
	d := float64s(1)
	rapid.Check(t, func(t *rapid.T) {
		k := kernel.Strided{Rank: rapid.IntRange(0, 5).Draw(t, "rank")}
		strides := func(name string, strides *kernel.Dims) (size int) {
			size = 1
			for i, dim := range rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(t, name) {
				if dim < k.Rank {
					strides[dim] = size
					size *= max(k.Shape[dim], 1) + i%2
				}
			}
			return size
		}
		for i := range k.Rank {
			k.Shape[i] = rapid.IntRange(0, 4).Draw(t, "length")
		}
		k.OffsetDst, k.OffsetSrc = rapid.IntRange(0, 3).Draw(t, "offset"), rapid.IntRange(0, 3).Draw(t, "offset")
		sizeDst, sizeSrc := strides("dst", &k.StrideDst), strides("src", &k.StrideSrc)
		if k.Rank > 0 && rapid.Bool().Draw(t, "expand") {
			k.StrideSrc[rapid.IntRange(0, k.Rank-1).Draw(t, "along")] = 0
		}
		s := newSource(t)
		dst, src := wide64(s, sizeDst+k.OffsetDst), wide64(s, sizeSrc+k.OffsetSrc)
		want := slices.Clone(Floats[float64](dst))
		walk(k.Shape[:k.Rank], func(at []int) {
			want[k.OffsetDst+dot(at, k.StrideDst)] = Floats[float64](src)[k.OffsetSrc+dot(at, k.StrideSrc)]
		})
		d.Copy(k, dst, src)
		if got := Floats[float64](dst); !slices.Equal(got, want) {
			t.Fatalf("%+v: got %v, want %v", k, got, want)
		}
	})
}

func TestPortableSumTo(t *testing.T) {
	d := float64s(1)
	rapid.Check(t, func(t *rapid.T) {
		b := kernel.Broadcast{Rank: rapid.IntRange(0, 5).Draw(t, "rank")}
		n, size := 1, 1
		for dim := b.Rank - 1; dim >= 0; dim-- {
			b.Shape[dim] = rapid.IntRange(0, 4).Draw(t, "length")
			n *= b.Shape[dim]
			if rapid.Bool().Draw(t, "kept") {
				b.StrideA[dim] = size
				size *= b.Shape[dim]
			}
		}
		s := newSource(t)
		x, y := wide64(s, n), wide64(s, size)
		want, next := make([]float64, size), 0
		walk(b.Shape[:b.Rank], func(at []int) {
			want[dot(at, b.StrideA)] += Floats[float64](x)[next]
			next++
		})
		d.SumTo(b, x, y)
		for i, v := range Floats[float64](y) {
			if math.Abs(v-want[i]) > 1e-12 {
				t.Fatalf("%+v: sum %d is %g, want %g", b, i, v, want[i])
			}
		}
	})
}

func TestPortableGemm(t *testing.T) {
	d := float64s(2)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
		g := kernel.Gemm{
			M: draw("M", 0, 5), N: draw("N", 1, 5), K: draw("K", 0, 5), Batch: draw("Batch", 0, 3),
			TransA: rapid.Bool().Draw(t, "TransA"), TransB: rapid.Bool().Draw(t, "TransB"), Accumulate: rapid.Bool().Draw(t, "Accumulate"),
		}
		rowsA, columnsA, rowsB, columnsB := g.M, g.K, g.K, g.N
		if g.TransA {
			rowsA, columnsA = columnsA, rowsA
		}
		if g.TransB {
			rowsB, columnsB = columnsB, rowsB
		}
		g.LdA, g.LdB, g.LdC = columnsA+draw("gap", 0, 2), columnsB+draw("gap", 0, 2), g.N+draw("gap", 0, 2)
		g.StrideA, g.StrideB, g.StrideC = rowsA*g.LdA*draw("repeat", 0, 1), rowsB*g.LdB*draw("repeat", 0, 1), g.M*g.LdC
		batch := max(g.Batch, 1)
		s := newSource(t)
		a, b, c := wide64(s, batch*rowsA*g.LdA), wide64(s, batch*rowsB*g.LdB), wide64(s, batch*g.M*g.LdC)
		var bias kernel.Buffer
		if !g.Accumulate {
			bias = wide64(s, g.N)
		}
		want := slices.Clone(Floats[float64](c))
		walk([]int{batch, g.M, g.N}, func(at []int) {
			item, i, j := at[0], at[1], at[2]
			into := item*g.StrideC + i*g.LdC + j
			if !g.Accumulate {
				want[into] = Floats[float64](bias)[j]
			}
			for k := range g.K {
				fromA, fromB := i*g.LdA+k, k*g.LdB+j
				if g.TransA {
					fromA = k*g.LdA + i
				}
				if g.TransB {
					fromB = j*g.LdB + k
				}
				want[into] += Floats[float64](a)[item*g.StrideA+fromA] * Floats[float64](b)[item*g.StrideB+fromB]
			}
		})
		d.Gemm(g, a, b, bias, c)
		for i, v := range Floats[float64](c) { // gaps included
			if math.Abs(v-want[i]) > 1e-12 {
				t.Fatalf("%+v: element %d is %g, want %g", g, i, v, want[i])
			}
		}
	})
}

func TestPortableArgMax(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	d := float64s(1)
	for _, c := range []struct {
		row  []float64
		want int32
	}{
		{[]float64{3}, 0}, {[]float64{1, 3, 2}, 1}, {[]float64{3, 3, 3}, 0}, {[]float64{1, 2, 2}, 1},
		{[]float64{1, nan, 2}, 1}, {[]float64{nan, 1, nan}, 0}, {[]float64{1, inf, nan}, 2}, {[]float64{-inf, -inf}, 0}, {[]float64{-inf, -5}, 1},
	} {
		index := d.AllocInts(1)
		d.ArgMax(1, len(c.row), kernel.Host(c.row), index)
		if got := Ints(index)[0]; got != c.want {
			t.Errorf("the largest of %v is at %d, want %d", c.row, got, c.want)
		}
	}
}

// TestPortableAdam compares with PyTorch's documented algorithm, in one number.
func TestPortableAdam(t *testing.T) {
	for _, decoupled := range []bool{false, true} {
		t.Run(fmt.Sprint("decoupled ", decoupled), func(t *testing.T) {
			d := float64s(1)
			p, m, v := 0.7, 0.0, 0.0
			param := kernel.AdamParam{
				P: kernel.Host([]float64{p}), G: d.Alloc(1), M: kernel.Host([]float64{0}), V: kernel.Host([]float64{0}), WeightDecay: 0.1,
			}
			a := kernel.Adam{LearningRate: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, GradScale: 0.5, Decoupled: decoupled}
			for a.Step = 1; a.Step <= 10; a.Step++ {
				raw := math.Sin(float64(a.Step))
				Floats[float64](param.G)[0] = raw
				d.AdamStep(a, []kernel.AdamParam{param})

				g := raw * a.GradScale
				if decoupled {
					p -= a.LearningRate * param.WeightDecay * p
				} else {
					g += param.WeightDecay * p
				}
				m = a.Beta1*m + (1-a.Beta1)*g
				v = a.Beta2*v + (1-a.Beta2)*g*g
				n := float64(a.Step)
				p -= a.LearningRate * (m / (1 - math.Pow(a.Beta1, n))) / (math.Sqrt(v/(1-math.Pow(a.Beta2, n))) + a.Eps)
				if got := Floats[float64](param.P)[0]; math.Abs(got-p) > 1e-13 {
					t.Fatalf("after step %d the parameter is %.15g, want %.15g", a.Step, got, p)
				}
			}
		})
	}
}

// TestPortableAdamInFloat32 bounds the error of float32: 1−β₂ must not be computed from a rounded β₂.
func TestPortableAdamInFloat32(t *testing.T) {
	v := []float32{0}
	one := []float32{1}
	adamStep(kernel.Adam{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, GradScale: 1, Step: 1}, 0, []float32{0}, one, []float32{0}, v)
	if math.Abs(float64(v[0])/0.001-1) > 1e-7 {
		t.Errorf("the second moment is %g, want 0.001", v[0])
	}
}

func TestUploadAndDownload(t *testing.T) {
	for _, d := range []kernel.Device{float64s(1), New[float32]("cpu/portable", pool.New(1))} {
		b, i := d.Alloc(3), d.AllocInts(2)
		d.Upload(b, []float32{1, 2.5, -3})
		d.UploadInts(i, []int32{7, -8})
		got, indices := make([]float32, 3), make([]int32, 2)
		d.Download(got, b)
		d.DownloadInts(indices, i)
		if !slices.Equal(got, []float32{1, 2.5, -3}) || !slices.Equal(indices, []int32{7, -8}) {
			t.Errorf("%s: %v %v", d.Name(), got, indices)
		}
		d.Close()
	}
}
