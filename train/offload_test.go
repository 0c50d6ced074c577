package train

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// smallTrips makes the ranges that are updated at a time small, so that the toy has several, also within a weight.
func smallTrips(t *testing.T) {
	before := offloadElements
	offloadElements = 10
	t.Cleanup(func() { offloadElements = before })
}

// elsewheres are processors whose memory counts as that of a GPU.
func elsewheres(n int) (all []*tensor.Device) {
	for range n {
		all = append(all, engine.NewDevice(elsewhere{engine.Kernels(openPortable())}))
	}
	return all
}

// TestOffload trains with the moments in the program's memory, alone and on ranks that divide them: the losses are those of a training
// without, which goes on from the checkpoint, and the other way round.
func TestOffload(t *testing.T) {
	smallBuckets(t)
	smallTrips(t)
	c := ranksConfig(20)
	c.Clip, c.EMA, c.Optimizer, c.WeightDecay, c.DecayMatrices = 0.5, 0.9, "adamw", 0.1, true
	half := c
	half.Steps = 10
	alone := filepath.Join(t.TempDir(), "alone")
	errs, first := trainOn(t, alone, elsewheres(1), comm.Local(1), false, c, Options{}, nil)
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	want := loggedLosses(t, alone)
	for _, way := range []struct {
		n     int
		shard Shard
		off   [2]Offload
	}{{1, ShardNone, [2]Offload{OffloadOptimizer, OffloadNone}}, {2, ShardGradients, [2]Offload{OffloadNone, OffloadOptimizer}}, {2, ShardNone, [2]Offload{OffloadOptimizer, OffloadOptimizer}}, {2, ShardOptimizer, [2]Offload{OffloadOptimizer, OffloadOptimizer}}} {
		dir := filepath.Join(t.TempDir(), "run")
		errs, _ := trainOn(t, dir, elsewheres(way.n), comm.Local(way.n), false, half, Options{Shard: way.shard, Offload: way.off[0]}, nil)
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("%+v: %v", way, err)
		}
		errs, models := trainOn(t, dir, elsewheres(way.n), comm.Local(way.n), false, c, Options{Shard: way.shard, Offload: way.off[1], Resume: true}, nil)
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("%+v: %v", way, err)
		}
		if err := agreeWithin(want, loggedLosses(t, dir), 1e-5); err != nil {
			t.Errorf("%+v: %v", way, err)
		}
		if err := sameWithin(models[0], first[0], 1e-4); err != "" {
			t.Errorf("%+v: %s", way, err)
		}
	}
}

// sameWithin says which weight of two models differs; "" if none does.
func sameWithin(a, b nn.Module, tolerance float32) string {
	others := nn.Params(b)
	for i, p := range nn.Params(a) {
		if p.Tensor.IsInts() {
			continue
		}
		for j, v := range others[i].Tensor.Values() {
			if d := v - p.Tensor.Values()[j]; !(d <= tolerance && d >= -tolerance) {
				return p.Path
			}
		}
	}
	return ""
}

// TestOffloadAdam steps with moments on another device: weights and moments are those of a step where the weights are, to the bit, also
// of a parameter without a gradient.
func TestOffloadAdam(t *testing.T) {
	smallTrips(t)
	var models []*sharedToy
	var optimizers []*Adam
	for _, host := range []*tensor.Device{nil, openPortable()} {
		d := elsewheres(1)[0]
		task, m := toyTaskOn(t, d, false)
		a := newAdam(m, DefaultAdamW(0.1), host)
		a.share(nil)
		for range 3 {
			batch, err := task.Source.Next()
			if err != nil {
				t.Fatal(err)
			}
			s := d.Record()
			loss, _ := task.Loss(batch)
			a.Follow(s, 0.01, 0.5)
			loss.Backward()
			s.End()
			a.Step(0.01, 0.5)
			a.ZeroGrad()
		}
		models, optimizers = append(models, m), append(optimizers, a)
	}
	if nn.Checksum(models[0]) != nn.Checksum(models[1]) {
		t.Error("the weights differ")
	}
	for i, m := range optimizers[1].m {
		if m.Device() == models[1].in.Weight.Device() {
			t.Fatalf("moment %d is where the weights are", i)
		}
		for j, v := range m.Values() {
			if v != optimizers[0].m[i].Values()[j] {
				t.Errorf("moment %d differs", i)
				break
			}
		}
	}
	if optimizers[1].Steps() != 3 {
		t.Errorf("%d steps", optimizers[1].Steps())
	}
}

// TestOffloadRefused refuses what has nothing to offload.
func TestOffloadRefused(t *testing.T) {
	task, _ := toyTask(t, false)
	c := ranksConfig(5)
	sgd := c
	sgd.Optimizer = "sgd"
	for want, err := range map[string]error{
		"needs a GPU":    task.checkOffload(OffloadOptimizer, c, openPortable()),
		"needs Adam":     task.checkOffload(OffloadOptimizer, sgd, elsewheres(1)[0]),
		"is not known":   task.checkOffload("all", c, elsewheres(1)[0]),
		"must not fail":  task.checkOffload("", c, openPortable()),
		"must not fail ": task.checkOffload(OffloadNone, sgd, openPortable()),
	} {
		if fails := !strings.HasPrefix(want, "must"); fails != (err != nil) || fails && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := Run(t.Context(), filepath.Join(t.TempDir(), "run"), task, c, Options{Offload: OffloadOptimizer}); err == nil {
		t.Error("a training on a processor offloads")
	}
}
