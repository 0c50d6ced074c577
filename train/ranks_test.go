package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/pages"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// sharedToy is a network with dropout, with a weight that is used twice and one that no loss reaches.
type sharedToy struct {
	in, twice, out, idle *nn.Linear
	drop                 *nn.Dropout
	norm                 *nn.BatchNorm
	flow                 *flows.BatchNorm
}

func (m *sharedToy) Visit(path string, f func(nn.Param)) {
	m.in.Visit(nn.Join(path, "in"), nn.Within(m.in, f))
	m.twice.Visit(nn.Join(path, "twice"), nn.Within(m.twice, f))
	m.out.Visit(nn.Join(path, "out"), f)
	m.idle.Visit(nn.Join(path, "idle"), f)
	m.norm.Visit(nn.Join(path, "norm"), f)
	m.flow.Visit(nn.Join(path, "flow"), f)
}

func (m *sharedToy) SetTraining(on bool) {
	m.drop.SetTraining(on)
	m.norm.SetTraining(on)
	m.flow.SetTraining(on)
}

// embed is the network up to its last layer; joint with batch norm.
func (m *sharedToy) embed(x *tensor.Tensor, joint bool) (y, logDet *tensor.Tensor) {
	if !joint {
		h := nn.Enter(m.in.Forward(nn.Enter(x, m.in)), m.twice)
		return nn.Enter(m.twice.Forward(m.twice.Forward(h).Tanh()), nil), nil
	}
	z, logDet := m.flow.Forward(x, nil)
	h := nn.Enter(m.in.Forward(nn.Enter(z, m.in)).Tanh(), m.twice)
	return nn.Enter(m.twice.Forward(m.norm.Forward(m.twice.Forward(h))), nil), logDet
}

// toyTask is the training of a sharedToy on one rank.
func toyTask(t *testing.T, joint bool) (Task[RowBatch], *sharedToy) {
	return toyTaskOn(t, openPortable(), joint)
}

func toyTaskOn(t *testing.T, d *tensor.Device, joint bool) (Task[RowBatch], *sharedToy) {
	g := tensor.NewGenerator(3)
	init, dropout := g.Fork("init"), g.Fork("dropout")
	m := &sharedToy{
		in: nn.NewLinear(d, toyInputs, 7, false, init), twice: nn.NewLinear(d, 7, 7, true, init), out: nn.NewLinear(d, 7, 1, true, init),
		idle: nn.NewLinear(d, 3, 3, true, init), drop: nn.NewDropout(0.3, dropout),
		norm: nn.NewBatchNorm(d, 7, tensor.LeakyReLU(0.2)), flow: flows.NewBatchNorm(d, toyInputs),
	}
	rows, err := NewRows(toyRows(), toyInputs, nil, 8, false, 3)
	if err != nil {
		t.Error(err)
	}
	return Task[RowBatch]{
		Model: "toy", Module: m, Source: rows, Generators: map[string]*tensor.Generator{"dropout": dropout},
		Loss: func(b RowBatch) (*tensor.Tensor, *Figures) {
			x := b.Tensor(d)
			y, logDet := m.embed(x, joint)
			h := m.drop.Forward(y)
			noise := dropout.Normal(d, b.Len()).Scale(0.1) // 2 or 4 numbers: shares that begin within a block of the generator
			loss := m.out.Forward(h).Reshape(-1).Add(noise).Sub(x.Slice(1, 0, 1).Reshape(-1)).Square().Mean()
			if joint {
				all := ranks.GatherRows(h) // a contrast of all rows
				loss = loss.Add(all.MatMulT(all).LogSoftmax(-1).Mean().Scale(-0.1)).Add(logDet.Mean().Scale(-0.01))
			}
			return loss, &Figures{Tensors: []*tensor.Tensor{loss}, Metrics: func(v [][]float32) Metrics { return Metrics{"twice_loss": 2 * float64(v[0][0])} }}
		},
		Evaluate: func() (Metrics, error) {
			s := d.Scratch()
			defer s.End()
			y, _ := m.embed(d.From(toyRows(), 50, toyInputs), joint)
			return Metrics{"loss": m.out.Forward(y).Square().Mean().Item()}, nil
		},
	}, m
}

// trainRanks trains on n ranks of this process and returns their results.
func trainRanks(t *testing.T, dir string, n int, joint bool, c Config, o Options, change func(rank int, task *Task[RowBatch])) (errs []error, models []*sharedToy) {
	t.Helper()
	devices := make([]*tensor.Device, n)
	for i := range devices {
		devices[i] = openPortable()
	}
	return trainOn(t, dir, devices, comm.Local(n), joint, c, o, change)
}

// trainOn is trainRanks on devices, a rank on each.
func trainOn(t *testing.T, dir string, devices []*tensor.Device, groups []comm.Group, joint bool, c Config, o Options, change func(rank int, task *Task[RowBatch])) (errs []error, models []*sharedToy) {
	t.Helper()
	n := len(devices)
	errs, models = make([]error, n), make([]*sharedToy, n)
	var wait sync.WaitGroup
	for i := range n {
		task, m := toyTaskOn(t, devices[i], joint)
		if models[i] = m; change != nil {
			change(i, &task)
		}
		wait.Go(func() {
			o := o
			if n > 1 {
				o.Ranks = &Ranks{group: groups[i], timeout: 20 * time.Second}
			}
			_, errs[i] = Run(t.Context(), dir, task, c, o)
		})
	}
	wait.Wait()
	return errs, models
}

func ranksConfig(steps int) Config {
	c := DefaultConfig()
	c.Steps, c.Batch, c.LogEvery, c.EvalEvery, c.CheckpointEvery, c.LearningRate = steps, 8, 1, 10, 10, 0.01
	return c
}

// losses returns the losses of a run's log, and the weights.
func loggedLosses(t *testing.T, dir string) (all []float64) {
	t.Helper()
	r, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := r.Metrics("toy")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		all = append(all, l.Values["loss"], l.Values["twice_loss"])
		if v, ok := l.Values["held_out.loss"]; ok {
			all = append(all, v)
		}
	}
	return all
}

func agreeWithin(a, b []float64, tolerance float64) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d and %d figures", len(a), len(b))
	}
	for i := range a {
		if math.Abs(a[i]-b[i]) > tolerance*math.Abs(a[i]) {
			return fmt.Errorf("figure %d is %v and %v", i, a[i], b[i])
		}
	}
	return nil
}

// TestRanksTrainAlike trains on 1, 2 and 4 ranks, with all shards: losses are the same to rounding, and runs are resumed by other numbers
// of ranks.
func TestRanksTrainAlike(t *testing.T) {
	for name, change := range map[string]func(c *Config){
		"adam":       func(*Config) {},
		"clip, ema":  func(c *Config) { c.Clip, c.EMA, c.Optimizer, c.WeightDecay = 0.5, 0.9, "adamw", 0.1 },
		"accumulate": func(c *Config) { c.Accumulate, c.Batch = 2, 8 },
		"sgd":        func(c *Config) { c.Optimizer, c.Momentum, c.Nesterov = "sgd", 0.9, true },
	} {
		c := ranksConfig(40)
		change(&c)
		joint := name == "adam" || name == "sgd"
		alone := filepath.Join(t.TempDir(), "alone")
		if errs, _ := trainRanks(t, alone, 1, joint, c, Options{}, nil); errs[0] != nil {
			t.Fatal(errs[0])
		}
		want := loggedLosses(t, alone)
		shards := []Shard{ShardNone}
		if name == "accumulate" {
			shards = append(shards, ShardParameters)
		}
		if name == "clip, ema" || name == "sgd" {
			shards = []Shard{ShardOptimizer, ShardGradients, ShardParameters}
		}
		if !pages.Supported {
			shards = slices.DeleteFunc(shards, func(s Shard) bool { return s == ShardParameters })
		}
		for _, shard := range shards {
			for _, n := range []int{2, 4} {
				dir := filepath.Join(t.TempDir(), "together")
				half := c
				half.Steps = 20
				errs, _ := trainRanks(t, dir, n, joint, half, Options{Shard: shard}, nil)
				if err := errors.Join(errs...); err != nil {
					t.Fatalf("%s, %s, %d ranks: %v", name, shard, n, err)
				}
				other := 6 - n // 4 go on with 2, 2 with 4
				errs, models := trainRanks(t, dir, other, joint, c, Options{Shard: shard, Resume: true}, nil)
				if err := errors.Join(errs...); err != nil {
					t.Fatalf("%s, %s, resumed by %d ranks: %v", name, shard, other, err)
				}
				if err := agreeWithin(want, loggedLosses(t, dir), 1e-5); err != nil {
					t.Errorf("%s, %s, %d and %d ranks: %v", name, shard, n, other, err)
				}
				for i, m := range models {
					if nn.Checksum(m) != nn.Checksum(models[0]) {
						t.Errorf("%s, %s: rank %d of %d has other weights than rank 0", name, shard, i, other)
					}
				}
			}
		}
	}
}

// TestRankFails ends the training of all ranks when one fails, diverges or has other settings, and names it.
func TestRankFails(t *testing.T) {
	c := ranksConfig(40)
	for name, test := range map[string]struct {
		change func(task *Task[RowBatch])
		want   string
	}{
		"source": {func(task *Task[RowBatch]) { task.Source = &failingRows{task.Source.(*Rows), 13} }, "rank 1 has failed: the disk is gone"},
		"diverges": {func(task *Task[RowBatch]) {
			loss, n := task.Loss, 0
			task.Loss = func(b RowBatch) (*tensor.Tensor, *Figures) {
				l, f := loss(b)
				if n++; n == 12 {
					l = l.Scale(math.NaN())
				}
				return l, f
			}
		}, "rank 1 has failed: toy: step 12: the loss is NaN"},
		"data":    {func(task *Task[RowBatch]) { task.Data = "others" }, "rank 1 has others for data where rank 0 has"},
		"weights": {func(task *Task[RowBatch]) { task.Module.(*sharedToy).twice.Bias.Set([]float32{1, 2, 3, 4, 5, 6, 7}) }, "for weights where rank 0 has"},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		errs, _ := trainRanks(t, dir, 2, false, c, Options{}, func(rank int, task *Task[RowBatch]) {
			task.Data = "some"
			if rank == 1 {
				test.change(task)
			}
		})
		if errs[0] == nil || errs[1] == nil || !strings.Contains(errs[0].Error(), test.want) || !Agreed(errs[0]) || !Agreed(errs[1]) {
			t.Errorf("%s: %v, want %q", name, errs, test.want)
		}
	}
}

// failingRows is a source that fails at a batch.
type failingRows struct {
	*Rows
	left int
}

func (f *failingRows) Next() (RowBatch, error) {
	if f.left--; f.left < 0 {
		return RowBatch{}, errors.New("the disk is gone")
	}
	return f.Rows.Next()
}

// TestRanksStop interrupts one rank: all stop after the same step, and the checkpoint is that of one process.
func TestRanksStop(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	c := ranksConfig(400)
	groups := comm.Local(2)
	errs := make([]error, 2)
	var wait sync.WaitGroup
	for i := range 2 {
		task, _ := toyTask(t, false)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if i == 1 {
			steps := 0
			task.After = func(int, RowBatch) {
				if steps++; steps == 15 {
					cancel()
				}
			}
		}
		wait.Go(func() {
			_, errs[i] = Run(ctx, dir, task, c, Options{Ranks: &Ranks{group: groups[i], timeout: 20 * time.Second}})
		})
	}
	wait.Wait()
	for i, err := range errs {
		var stopped *Interrupted
		if !errors.As(err, &stopped) || stopped.Step != 16 {
			t.Errorf("rank %d: %v, want an interruption after step 16", i, err)
		}
	}
	if r, err := Verify(dir); err != nil || len(r.Problems) > 0 {
		t.Errorf("the run: %+v, %v", r, err)
	}
}

// TestRanksRefuse refuses what ranks can't do.
func TestRanksRefuse(t *testing.T) {
	task, _ := toyTask(t, false)
	c := ranksConfig(5)
	ranks := &Ranks{group: comm.Local(3)[0], timeout: time.Second}
	for want, try := range map[string]func() error{
		"doesn't divide among 3 ranks": func() error { return task.checkRanks(Options{Ranks: ranks}, c) },
		"use float32 or bfloat16":      func() error { return task.checkRanks(Options{Reduce: "half"}, c) },
		"is not known":                 func() error { return task.checkRanks(Options{Shard: "all"}, c) },
		"needs several ranks":          func() error { return task.checkRanks(Options{Shard: ShardGradients}, c) },
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
