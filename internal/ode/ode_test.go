package ode

import (
	"context"
	"errors"
	"math"
	"testing"
)

// spin is dx/dt = (−y, x)·(1 + state): a rotation, by the angle 1 + state in time 1.
func spin() System {
	return System{N: 2, Velocity: func(rows []int, x []float32, _ []float64) ([]float32, error) {
		v := make([]float32, len(x))
		for p, i := range rows {
			speed := float32(1 + i)
			v[2*p], v[2*p+1] = -speed*x[2*p+1], speed*x[2*p]
		}
		return v, nil
	}}
}

// distance is the error of the rotations of (1, 0).
func distance(x []float32) (most float64) {
	for i := range len(x) / 2 {
		angle := float64(1 + i)
		most = max(most, math.Hypot(float64(x[2*i])-math.Cos(angle), float64(x[2*i+1])-math.Sin(angle)))
	}
	return most
}

// TestOrders checks that the error falls by 2^order when steps are halved.
func TestOrders(t *testing.T) {
	for _, m := range []Method{Euler, Heun, BogackiShampine} {
		var errs [2]float64
		for k, steps := range []int{20, 40} {
			x := []float32{1, 0}
			if _, err := spin().Fixed(context.Background(), x, 0, 1, m, steps); err != nil {
				t.Fatal(err)
			}
			errs[k] = distance(x)
		}
		if order := math.Log2(errs[0] / errs[1]); math.Abs(order-float64(m.Order)) > 0.3 {
			t.Errorf("%s: errors %v, so its order is %.2f", m.Name, errs, order)
		}
	}
	var errs [2]float64
	for k, steps := range []int{20, 40} {
		x := []float32{1, 0}
		if n, err := spin().Adams(context.Background(), x, 0, 1, steps); err != nil || n != steps {
			t.Fatalf("%d evaluations of %d steps of Adams, %v", n, steps, err)
		}
		errs[k] = distance(x)
	}
	if order := math.Log2(errs[0] / errs[1]); math.Abs(order-2) > 0.3 {
		t.Errorf("Adams: errors %v, so its order is %.2f", errs, order)
	}
	x := []float32{1, 0}
	if _, err := spin().Fixed(context.Background(), x, 0, 1, DormandPrince, 5); err != nil || distance(x) > 1e-5 {
		t.Errorf("dormand-prince: error %g after 5 steps, %v", distance(x), err)
	}
}

// TestWeights checks the conditions on the weights that every method meets.
func TestWeights(t *testing.T) {
	for _, m := range []Method{Euler, Heun, BogackiShampine, DormandPrince} {
		sum, estimate := 0.0, 0.0
		for j, b := range m.B {
			sum += b
			row := 0.0
			for _, a := range m.A[j] {
				row += a
			}
			if math.Abs(row-m.C[j]) > 1e-14 {
				t.Errorf("%s: stage %d is at %v, its weights add up to %v", m.Name, j, m.C[j], row)
			}
		}
		for _, e := range m.Error {
			estimate += e
		}
		if math.Abs(sum-1) > 1e-14 || math.Abs(estimate) > 1e-14 {
			t.Errorf("%s: weights add up to %v, those of the error to %v", m.Name, sum, estimate)
		}
	}
}

// TestAdaptive checks errors, that time may run backwards, and that a state is the same alone.
func TestAdaptive(t *testing.T) {
	for _, m := range []Method{BogackiShampine, DormandPrince} {
		x := []float32{1, 0, 1, 0, 1, 0}
		n, err := spin().Adaptive(context.Background(), x, 0, 1, m, 1e-5, 1000)
		if err != nil || distance(x) > 1e-4 {
			t.Errorf("%s: error %g, %v", m.Name, distance(x), err)
		}
		alone := []float32{1, 0}
		if _, err := spin().Adaptive(context.Background(), alone, 0, 1, m, 1e-5, 1000); err != nil || alone[0] != x[0] || alone[1] != x[1] {
			t.Errorf("%s: a state alone becomes %v, beside others %v, %v", m.Name, alone, x[:2], err)
		}
		if n[2] < n[0] {
			t.Errorf("%s: a faster rotation takes %d evaluations, a slower one %d", m.Name, n[2], n[0])
		}
		if _, err := spin().Adaptive(context.Background(), x, 1, 0, m, 1e-5, 1000); err != nil || math.Abs(float64(x[4])-1) > 2e-4 {
			t.Errorf("%s: back again it is %v, %v", m.Name, x, err)
		}
	}
}

func TestAdaptiveFails(t *testing.T) {
	explode := System{N: 1, Velocity: func(_ []int, x []float32, _ []float64) ([]float32, error) { return []float32{x[0] * x[0]}, nil }}
	_, err := explode.Adaptive(context.Background(), []float32{2}, 0, 1, DormandPrince, 1e-6, 500)
	var many *TooMany
	var infinite *NotFinite
	if !errors.As(err, &many) && !errors.As(err, &infinite) {
		t.Errorf("a state that goes to infinity: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := spin().Adaptive(ctx, []float32{1, 0}, 0, 1, DormandPrince, 1e-6, 500); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	broken := errors.New("broken")
	fails := System{N: 1, Velocity: func([]int, []float32, []float64) ([]float32, error) { return nil, broken }}
	if _, err := fails.Fixed(context.Background(), []float32{1}, 0, 1, Heun, 3); !errors.Is(err, broken) {
		t.Errorf("a velocity that fails: %v", err)
	}
}
