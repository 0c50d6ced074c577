package ranks_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/tensor"
)

// onRanks calls f on n ranks, each with a device of its own, and returns their results.
func onRanks[T any](t *testing.T, n int, f func(rank int, d *tensor.Device) (T, error)) (all []T, errs []error) {
	t.Helper()
	all, errs = make([]T, n), make([]error, n)
	var wait sync.WaitGroup
	for i, g := range comm.Local(n) {
		d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if n > 1 {
			engine.SetEvaluators(d, g)
		}
		wait.Go(func() { all[i], errs[i] = f(i, d) })
	}
	wait.Wait()
	return all, errs
}

type item struct {
	Number int
	Values []float32
}

// TestDivide divides items among several ranks, which all get what one process computes. Each is computed once.
func TestDivide(t *testing.T) {
	for _, n := range []int{0, 1, 7, 12} {
		var mutex sync.Mutex
		computed := map[int]int{}
		work := func(_ int, d *tensor.Device) ([]item, error) {
			return ranks.Divide(d, n, 3, func(lo, hi int) ([]item, error) {
				inner, err := ranks.Divide(d, 2, 1, func(lo, _ int) ([]int, error) { return []int{lo}, nil }) // not divided
				if err != nil || !slices.Equal(inner, []int{0, 1}) {
					return nil, fmt.Errorf("within a chunk: %v, %w", inner, err)
				}
				var some []item
				for i := lo; i < hi; i++ {
					some = append(some, item{i, []float32{float32(lo), float32(hi)}})
				}
				mutex.Lock()
				defer mutex.Unlock()
				computed[lo]++
				return some, nil
			})
		}
		want, _ := onRanks(t, 1, work)
		if len(want[0]) != n {
			t.Fatalf("%d items of %d", len(want[0]), n)
		}
		for _, size := range []int{2, 3, 5} {
			clear(computed)
			got, errs := onRanks(t, size, work)
			for rank := range got {
				if errs[rank] != nil || fmt.Sprint(got[rank]) != fmt.Sprint(want[0]) {
					t.Errorf("rank %d of %d: %v, %v, want %v", rank, size, got[rank], errs[rank], want[0])
				}
			}
			for lo, times := range computed {
				if times != 1 {
					t.Errorf("%d ranks: the chunk from %d is computed %d times", size, lo, times)
				}
			}
		}
	}
}

// TestDivideFails has a rank fail, by an error and by a panic of its device, and ranks with other numbers of items. All get an error.
func TestDivideFails(t *testing.T) {
	for what, failure := range map[string]func() ([]int, error){
		"no room": func() ([]int, error) { return nil, errors.New("no room") },
		"device":  func() ([]int, error) { panic(&fault.DeviceError{Call: "device", Text: "lost"}) },
	} {
		_, errs := onRanks(t, 2, func(rank int, d *tensor.Device) ([]int, error) {
			return ranks.Divide(d, 4, 1, func(lo, _ int) ([]int, error) {
				if lo == 3 {
					return failure()
				}
				return []int{lo}, nil
			})
		})
		var other *ranks.Failed
		if errs[1] == nil || !strings.Contains(errs[1].Error(), what) || errors.As(errs[1], &other) {
			t.Errorf("%s: the rank that failed: %v", what, errs[1])
		}
		if !errors.As(errs[0], &other) || other.Rank != 1 || !strings.Contains(other.Text, what) {
			t.Errorf("%s: the other rank: %v", what, errs[0])
		}
	}
	_, errs := onRanks(t, 2, func(rank int, d *tensor.Device) ([]int, error) {
		return ranks.Divide(d, 4+rank, 1, func(lo, _ int) ([]int, error) { return []int{lo}, nil })
	})
	for rank, err := range errs {
		if err == nil || !strings.Contains(err.Error(), "rank 1 has 5 items") {
			t.Errorf("rank %d: %v", rank, err)
		}
	}
	_, errs = onRanks(t, 2, func(rank int, d *tensor.Device) ([]int, error) {
		if rank == 1 { // it is elsewhere in the program
			_, err := comm.Exchange(t.Context(), engine.Evaluators(d), nil)
			return nil, err
		}
		return ranks.Divide(d, 4, 1, func(lo, _ int) ([]int, error) { return []int{lo}, nil })
	})
	if errs[0] == nil || !strings.Contains(errs[0].Error(), "rank 1 does something else than this rank") {
		t.Errorf("a rank that divides nothing: %v", errs[0])
	}
}
