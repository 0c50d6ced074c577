package flows

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// newField returns a velocity field with random weights.
func newField(d *tensor.Device, dim, condition int) *Continuous {
	g := tensor.NewGenerator(5)
	c := NewContinuous(d, dim, condition, []int{9, 8}, g)
	for _, p := range nn.Trainable(c) {
		p.Tensor.Set(g.Normal(d, p.Tensor.Shape()...).Scale(0.4).Values())
	}
	return c
}

// TestDivergence compares the divergence with central differences in float64.
func TestDivergence(t *testing.T) {
	d := gradcheck.Device(t)
	const n, dim = 5, 3
	c, g := newField(d, dim, 2), tensor.NewGenerator(6)
	x, cond, times := g.Normal(d, n, dim), g.Normal(d, n, 2), []float64{0, 0.2, 0.5, 0.9, 1}
	_, div := c.divergence(x, times, cond, c.along(d))
	want := make([]float64, n)
	const h = 1e-5
	for j := range dim {
		move := func(by float64) []float64 {
			values := append([]float64(nil), gradcheck.Exact(x)...)
			moved := x.AddScalar(0)
			for i := range n {
				values[i*dim+j] += by
			}
			copy(gradcheck.Exact(moved), values)
			return gradcheck.Exact(c.Velocity(moved, times, cond))
		}
		up, down := move(h), move(-h)
		for i := range n {
			want[i] += (up[i*dim+j] - down[i*dim+j]) / (2 * h)
		}
	}
	for i, got := range gradcheck.Exact(div) {
		if math.Abs(got-want[i]) > 1e-7 {
			t.Errorf("row %d: divergence %v, by differences %v", i, got, want[i])
		}
	}
}

// TestContinuous checks that the directions are inverses within the solver's tolerance, with opposite log-determinants that
// agree with the numeric Jacobian.
func TestContinuous(t *testing.T) {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c, g := newField(d, 2, 1), tensor.NewGenerator(7)
	const n = 6
	x, cond := g.Normal(d, n, 2), g.Normal(d, n, 1)
	z, forward := c.Forward(x, cond)
	back, inverse := c.Inverse(z, cond)
	for i, v := range back.Values() {
		if math.Abs(float64(v-x.Values()[i])) > 1e-4 {
			t.Errorf("number %d is %v after both directions, was %v", i, v, x.Values()[i])
		}
	}
	const h = 1e-2
	shifted := func(dx, dy float32) []float32 {
		move := d.From([]float32{dx, dy}, 1, 2)
		z, _ := c.Forward(x.Add(move), cond)
		return z.Values()
	}
	right, left, up, down := shifted(h, 0), shifted(-h, 0), shifted(0, h), shifted(0, -h)
	for i := range n {
		at := func(a, b []float32, k int) float64 { return float64(a[2*i+k]-b[2*i+k]) / (2 * h) }
		want := math.Log(math.Abs(at(right, left, 0)*at(up, down, 1) - at(right, left, 1)*at(up, down, 0)))
		got := float64(forward.Values()[i])
		if math.Abs(got-want) > 2e-3 {
			t.Errorf("row %d: log-determinant %v, by differences %v", i, got, want)
		}
		if math.Abs(got+float64(inverse.Values()[i])) > 1e-3 {
			t.Errorf("row %d: log-determinants %v and %v", i, got, inverse.Values()[i])
		}
	}
}

// TestPairs compares the pairing with the best of all permutations.
func TestPairs(t *testing.T) {
	const n, dim = 6, 2
	d := gradcheck.Device(t)
	g := tensor.NewGenerator(8)
	a, b := g.Normal(d, n, dim).Values(), g.Normal(d, n, dim).Values()
	cost := func(pair []int32) (sum float64) {
		for i, j := range pair {
			for k := range dim {
				e := float64(b[i*dim+k] - a[int(j)*dim+k])
				sum += e * e
			}
		}
		return sum
	}
	best := math.Inf(1)
	var permute func(p []int32, k int)
	permute = func(p []int32, k int) {
		if k == n {
			best = min(best, cost(p))
			return
		}
		for i := k; i < n; i++ {
			p[k], p[i] = p[i], p[k]
			permute(p, k+1)
			p[k], p[i] = p[i], p[k]
		}
	}
	permute([]int32{0, 1, 2, 3, 4, 5}, 0)
	if got := cost(pairs(a, b, n)); math.Abs(got-best) > 1e-9 {
		t.Errorf("pairs cost %v, the best %v", got, best)
	}
}

// TestMatching checks the gradients of the loss.
func TestMatching(t *testing.T) {
	d := gradcheck.Device(t)
	c := newField(d, 3, 1)
	x, cond := tensor.NewGenerator(1).Normal(d, 4, 3), tensor.NewGenerator(2).Normal(d, 4, 1)
	var all []*tensor.Tensor
	for _, p := range nn.Trainable(c) {
		all = append(all, p.Tensor)
	}
	gradcheck.Check(t, func() *tensor.Tensor { return c.Matching(x, cond, tensor.NewGenerator(3)) }, all...)
}
