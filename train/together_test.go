package train

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/nn"
)

// together calls f for each group at once.
func together(groups []comm.Group, f func(rank int, g comm.Group) error) (errs []error) {
	errs = make([]error, len(groups))
	var wait sync.WaitGroup
	for i, g := range groups {
		wait.Go(func() { errs[i] = f(i, g) })
	}
	wait.Wait()
	return errs
}

// TestRanksDraw draws samples on two ranks, which compute a part each. Rank 0 keeps them, and nothing else is left. Where a rank fails, the
// training says so and goes on.
func TestRanksDraw(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	for _, fails := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "run")
		c := ranksConfig(20)
		c.SampleEvery = 10
		var printed bytes.Buffer
		var mutex sync.Mutex
		drawn := map[string]int{}
		errs, _ := trainRanks(t, dir, 2, false, c, Options{Progress: &printed}, func(rank int, task *Task[RowBatch]) {
			d := nn.Params(task.Module)[0].Tensor.Device()
			task.Samples = func(path string) error {
				numbers, err := ranks.Divide(d, 6, 1, func(i, _ int) ([]string, error) {
					if fails && rank == 1 {
						return nil, errors.New("no ink")
					}
					mutex.Lock()
					defer mutex.Unlock()
					drawn[fmt.Sprintf("%d by %d", i, rank)]++
					return []string{fmt.Sprint(i)}, nil
				})
				if err != nil {
					return err
				}
				return os.WriteFile(path, []byte(strings.Join(numbers, " ")), 0o600)
			}
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		samples, _ := filepath.Glob(filepath.Join(dir, "samples", "*"))
		if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
		if fails {
			if len(samples) > 0 || !strings.Contains(printed.String(), "rank 1 has failed: no ink") {
				t.Errorf("samples %v, printed %s", samples, printed.String())
			}
			continue
		}
		if len(samples) != 2 {
			t.Fatalf("samples %v of two steps", samples)
		}
		for _, path := range samples {
			if text, err := os.ReadFile(path); err != nil || string(text) != "0 1 2 3 4 5" {
				t.Errorf("%s: %q, %v", path, text, err)
			}
		}
		want := map[string]int{"0 by 0": 2, "1 by 1": 2, "2 by 0": 2, "3 by 1": 2, "4 by 0": 2, "5 by 1": 2}
		if fmt.Sprint(drawn) != fmt.Sprint(want) {
			t.Errorf("drawn %v, want %v", drawn, want)
		}
	}
}

// TestRanksTogether divides without a training, by ranks that agree on what they do and by ones that don't.
func TestRanksTogether(t *testing.T) {
	var wait sync.WaitGroup
	for i, g := range comm.Local(2) {
		d, r := openPortable(), &Ranks{group: g, timeout: 20 * time.Second}
		wait.Go(func() {
			if err := r.Same(map[string]string{"--seed": "1"}); err != nil {
				t.Error(err)
			}
			if err := r.Same(map[string]string{"--seed": fmt.Sprint(i)}); err == nil || !strings.Contains(err.Error(), "rank 1 has 1 for --seed where rank 0 has 0") {
				t.Errorf("rank %d: %v", i, err)
			}
			if err := r.Divide(nil); err == nil {
				t.Error("no device is accepted")
			}
			if err := r.Divide(d); err != nil {
				t.Error(err)
			}
			own := 0
			all, err := ranks.Divide(d, 4, 1, func(k, _ int) ([]int, error) { own++; return []int{k}, nil })
			if err != nil || own != 2 || !slices.Equal(all, []int{0, 1, 2, 3}) {
				t.Errorf("rank %d: %v after %d of its own, %v", i, all, own, err)
			}
		})
	}
	wait.Wait()
}
