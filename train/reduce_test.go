package train

import (
	"errors"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestReduceBfloat16 trains by gradients that are sent as bfloat16: losses are near those of float32 and not the same, all ranks have
// the same weights, and a run goes on with another number of ranks and another setting.
func TestReduceBfloat16(t *testing.T) {
	smallBuckets(t)
	c := ranksConfig(40)
	alone := filepath.Join(t.TempDir(), "alone")
	if errs, _ := trainRanks(t, alone, 1, false, c, Options{Reduce: ReduceBfloat16}, nil); errs[0] != nil {
		t.Fatal(errs[0])
	}
	want := loggedLosses(t, alone)
	for _, shard := range []Shard{ShardNone, ShardOptimizer, ShardGradients} {
		for _, n := range []int{2, 4} {
			dir := filepath.Join(t.TempDir(), "together")
			half := c
			half.Steps = 20
			errs, _ := trainRanks(t, dir, n, false, half, Options{Shard: shard, Reduce: ReduceBfloat16}, nil)
			if err := errors.Join(errs...); err != nil {
				t.Fatalf("%s, %d ranks: %v", shard, n, err)
			}
			if err := agreeWithin(want[:len(loggedLosses(t, dir))], loggedLosses(t, dir), 1e-5); err == nil {
				t.Errorf("%s, %d ranks: the losses are those of float32", shard, n)
			}
			errs, models := trainRanks(t, dir, 6-n, false, c, Options{Shard: shard, Reduce: ReduceBfloat16, Resume: true}, nil)
			if err := errors.Join(errs...); err != nil {
				t.Fatalf("%s, resumed by %d ranks: %v", shard, 6-n, err)
			}
			if err := agreeWithin(want, loggedLosses(t, dir), 0.02); err != nil {
				t.Errorf("%s, %d ranks: %v", shard, n, err)
			}
			for i, m := range models {
				if nn.Checksum(m) != nn.Checksum(models[0]) {
					t.Errorf("%s: rank %d of %d has other weights than rank 0", shard, i, len(models))
				}
			}
		}
	}
}

// TestReduceDiffers has ranks that send gradients in different numbers.
func TestReduceDiffers(t *testing.T) {
	groups, errs := comm.Local(2), make([]error, 2)
	dir := filepath.Join(t.TempDir(), "run")
	var wait sync.WaitGroup
	for i, as := range []Reduce{ReduceFloat32, ReduceBfloat16} {
		task, _ := toyTask(t, false)
		wait.Go(func() {
			o := Options{Ranks: &Ranks{group: groups[i], timeout: 20 * time.Second}, Reduce: as}
			_, errs[i] = Run(t.Context(), dir, task, ranksConfig(2), o)
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err == nil || !Agreed(err) || !strings.Contains(err.Error(), "rank 1 has bfloat16 for reduce where rank 0 has float32") {
			t.Errorf("%v", err)
		}
	}
}

// TestFeedback has two ranks whose gradients nearly cancel: what is left of those that rank 1 sends to rank 0 always rounds away. By
// error feedback the weights come where float32 brings them, and without it they stay.
func TestFeedback(t *testing.T) {
	const ranks, steps, rate, goal = 2, 400, 0.02, 0.25
	for _, shard := range []Shard{ShardNone, ShardOptimizer, ShardGradients} {
		reached := func(feedback bool) float64 {
			weights := make([]float64, ranks)
			var wait sync.WaitGroup
			for rank, group := range comm.Local(ranks) {
				d := openPortable()
				m := nn.NewLinear(d, 5, 1, false, tensor.NewGenerator(1))
				m.Weight.Set(make([]float32, 5))
				wait.Go(func() {
					opt := NewSGD(m, SGDOptions{})
					joint := false
					red := newReducer(&Ranks{group: group, timeout: 20 * time.Second}, hostSums{group, d}, shard, ReduceBfloat16, &joint, opt.shared())
					opt.share(red)
					for range steps {
						opt.ZeroGrad()
						red.begin()
						s := d.Record()
						w := m.Weight.Reshape(-1)
						loss := w.Sum().Scale(256)
						if rank == 1 { // the gradient w − goal − 256
							loss = w.AddScalar(-goal).Square().Sum().Scale(0.5).Sub(loss)
						}
						loss.Backward()
						s.End()
						if err := red.finish(); err != nil {
							t.Error(err)
							return
						}
						opt.Step(rate, 1)
						if opt.shared().divided() {
							if err := red.spread(opt.shared().data); err != nil {
								t.Error(err)
							}
						}
						if !feedback {
							for _, b := range red.buckets {
								clear(b.lost.host)
							}
						}
					}
					for _, v := range m.Weight.Values() {
						weights[rank] = math.Max(weights[rank], math.Abs(float64(v)-goal))
					}
				})
			}
			wait.Wait()
			if weights[0] != weights[1] {
				t.Errorf("%s: the ranks have other weights: %v", shard, weights)
			}
			return weights[0]
		}
		if off := reached(true); off > 0.05 {
			t.Errorf("%s: with feedback, the weights are off by %v", shard, off)
		}
		if off := reached(false); off < 0.2 {
			t.Errorf("%s: without feedback, the weights are off by %v only: the test doesn't show what feedback does", shard, off)
		}
	}
}
