package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/google/go-cmp/cmp"
)

func TestRunLearnsAndReports(t *testing.T) {
	r := newRun(t)
	m := newToy(openPortable(), 1, 8, 32)
	var progress bytes.Buffer
	c := toyConfig(60)
	res, err := Run(context.Background(), r.Dir(), m.task(), c, Options{Progress: &progress})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := r.Metrics("toy")
	if err != nil {
		t.Fatal(err)
	}
	first, last := lines[0], lines[len(lines)-1]
	if first.Step != 3 || last.Step != 60 || res.Step != 60 || !(last.Values["loss"] < 0.7*first.Values["loss"]) {
		t.Errorf("first %v, last %v, result %v", first, last, res)
	}
	for _, name := range []string{"epoch", "loss", "twice", "lr", "grad_norm", "items_per_second", "held_out.loss"} {
		if v, ok := last.Values[name]; !ok || math.IsNaN(v) {
			t.Errorf("%s is %v in %v", name, v, last)
		}
	}
	if got := last.Values["twice"] / last.Values["loss"]; math.Abs(got-2) > 1e-6 {
		t.Errorf("figures are not averaged as the loss is: %v", last)
	}
	if got := last.Values["epoch"]; got != 60*2/6.0 {
		t.Errorf("epoch %v, want 20", got)
	}
	c.Precision = "highest"
	var settings map[string]int
	var trained Config
	var description string
	if err := errors.Join(r.Config("toy", &settings), r.Training("toy", &trained), r.Data(&description)); err != nil || !reflect.DeepEqual(trained, c) || settings["inputs"] != toyInputs {
		t.Error(err, settings, trained)
	}
	for _, name := range []string{"toy.safetensors", "toy.state.safetensors", "toy.loss.png", "samples/toy-step-000060.png", "events/toy"} {
		if _, err := os.Stat(r.Path(filepath.FromSlash(name))); err != nil {
			t.Error(err)
		}
	}
	for _, want := range []string{"toy: 321 parameters, 60 steps of 16 rows on cpu/portable", "step 60/60, held out:  loss "} {
		if !strings.Contains(progress.String(), want) {
			t.Errorf("progress lacks %q:\n%s", want, progress.String())
		}
	}
	// The module has the averaged weights, which the run has, not the last ones.
	loaded := newToy(openPortable(), 2, 8, 32)
	if _, err := r.LoadWeights("toy", loaded.net); err != nil {
		t.Fatal(err)
	}
	same(t, m.net, loaded.net)
	state, err := r.LoadState("toy")
	if err != nil {
		t.Fatal(err)
	}
	raw, _, err := state.Float32("weight.0.weight")
	if err != nil || cmp.Equal(raw, weights.Of(m.net)[0].F32) {
		t.Error("the state holds the averaged weights, not those that the training goes on with", err)
	}
}

// train runs a toy into r until ctx ends or the steps are done.
func trainToy(t *testing.T, ctx context.Context, r *run.Run, m *toy, c Config, resume bool) error {
	t.Helper()
	_, err := Run(ctx, r.Dir(), m.task(), c, Options{Resume: resume})
	return err
}

// sameRun compares everything that two runs of the toy keep, byte for byte: weights, state, settings, and the log without
// the figures that depend on the clock.
func sameRun(t *testing.T, a, b *run.Run) {
	t.Helper()
	clock := regexp.MustCompile(`"items_per_second":[^,]*,|"crc":"[0-9a-f]*"`)
	for _, name := range []string{"toy.safetensors", "toy.state.safetensors", "config.json", "metrics.jsonl"} {
		x, err := os.ReadFile(a.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		y, err := os.ReadFile(b.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "metrics.jsonl" {
			x, y = clock.ReplaceAll(x, nil), clock.ReplaceAll(y, nil)
		}
		if !bytes.Equal(x, y) {
			t.Errorf("%s and %s differ", a.Path(name), b.Path(name))
			if name == "metrics.jsonl" {
				t.Logf("%s\n%s", x, y)
			}
		}
	}
}

// TestSameSeedSameRun trains twice with the fastest kernels, on one thread and on three, and once with another seed.
func TestSameSeedSameRun(t *testing.T) {
	a, b, other := newRun(t), newRun(t), newRun(t)
	c := toyConfig(20)
	for r, threads := range map[*run.Run]int{a: 1, b: 3} {
		d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		if err := trainToy(t, context.Background(), r, newToy(d, 1, 8, 1100), c, false); err != nil {
			t.Fatal(err)
		}
	}
	sameRun(t, a, b)
	m := newToy(openPortable(), 2, 8, 1100)
	if err := trainToy(t, context.Background(), other, m, c, false); err != nil {
		t.Fatal(err)
	}
	x, _ := a.LoadState("toy")
	if v, _, err := x.Float32("weight.0.weight"); err != nil || cmp.Equal(v, weights.Of(m.net)[0].F32) {
		t.Error("another seed gives the same weights", err)
	}
}

// TestResumeToTheBit stops a training at every kind of step and goes on in a fresh process's stead: with new objects.
func TestResumeToTheBit(t *testing.T) {
	const steps = 20
	for name, change := range map[string]func(*Config){
		"everything":   func(*Config) {},
		"patience":     func(c *Config) { c.Patience = 9; c.EMA = 0 },
		"cosine adamw": func(c *Config) { c.Schedule, c.Optimizer, c.WeightDecay = "cosine", "adamw", 0.1 },
		"sgd": func(c *Config) {
			c.Optimizer, c.Nesterov, c.WeightDecay, c.BiasRate = "sgd", true, 5e-4, 2
			c.Schedule, c.Milestones, c.Warmup, c.LearningRate = "multistep", []int{8, 14}, 3, 1e-2
		},
		"exponential": func(c *Config) { c.Schedule, c.DropEvery, c.EMA, c.Accumulate = "exponential", 2, 0, 1 },
	} {
		t.Run(name, func(t *testing.T) {
			c := toyConfig(steps)
			change(&c)
			straight := newRun(t)
			if err := trainToy(t, context.Background(), straight, newToy(openPortable(), 1, 8, 16), c, false); err != nil {
				t.Fatal(err)
			}
			r := newRun(t)
			for _, stop := range []int{1, 4, 7, 9, 10, 15} { // between lines, at lines, evaluations and checkpoints
				m := newToy(openPortable(), uint64(1+stop%2*7), 8, 16) // also from other initial weights
				rows := newToy(openPortable(), 1, 8, 16).rows
				m.rows = rows
				resume := r.HasState("toy")
				already := 0
				if !resume {
					m = newToy(openPortable(), 1, 8, 16)
				} else {
					already = stepOf(t, r)
				}
				err := trainToy(t, m.after((stop-already)*c.Accumulate), r, m, c, resume)
				var interrupted *Interrupted
				if !errors.As(err, &interrupted) || interrupted.Step != stop || !errors.Is(err, context.Canceled) {
					t.Fatalf("got %v, want an interruption after step %d", err, stop)
				}
			}
			m := newToy(openPortable(), 5, 8, 16)
			m.rows = newToy(openPortable(), 1, 8, 16).rows
			if err := trainToy(t, context.Background(), r, m, c, true); err != nil {
				t.Fatal(err)
			}
			sameRun(t, straight, r)
			steady(t, straight, r)
		})
	}
}

func stepOf(t *testing.T, r *run.Run) int {
	t.Helper()
	state, err := r.LoadState("toy")
	if err != nil {
		t.Fatal(err)
	}
	step := 0
	for _, digit := range state.Metadata["step"] {
		step = 10*step + int(digit-'0')
	}
	return step
}

// steady checks the metrics of a run that was resumed: no step twice, and those of the straight run among them.
func steady(t *testing.T, straight, resumed *run.Run) {
	t.Helper()
	want, err := straight.Metrics("toy")
	if err != nil {
		t.Fatal(err)
	}
	got, err := resumed.Metrics("toy")
	if err != nil {
		t.Fatal(err)
	}
	heldOut := map[int]float64{}
	last := 0
	for _, l := range got {
		if l.Step <= last {
			t.Errorf("step %d stands after step %d", l.Step, last)
		}
		last = l.Step
		heldOut[l.Step] = l.Values["held_out.loss"]
	}
	for _, l := range want {
		if v, ok := heldOut[l.Step]; !ok || v != l.Values["held_out.loss"] {
			t.Errorf("step %d: held-out loss %v, straight %v", l.Step, v, l.Values["held_out.loss"])
		}
	}
}

// TestInterruptKeepsTheAverages interrupts between two lines of metrics, with and without a gradient whose norm was
// measured: the interruption adds no line, and the next line is that of a training that nothing interrupted.
func TestInterruptKeepsTheAverages(t *testing.T) {
	for name, clip := range map[string]float64{"measured when reported": 0, "measured for clipping": 1} {
		t.Run(name, func(t *testing.T) {
			c := toyConfig(20)
			c.Clip, c.Accumulate, c.LogEvery, c.EvalEvery, c.Schedule = clip, 1, 4, 0, "constant"
			c.CheckpointEvery = 0
			straight, r := newRun(t), newRun(t)
			if err := trainToy(t, context.Background(), straight, newToy(openPortable(), 1, 8, 16), c, false); err != nil {
				t.Fatal(err)
			}
			var interrupted *Interrupted
			m := newToy(openPortable(), 1, 8, 16)
			if err := trainToy(t, m.after(6), r, m, c, false); !errors.As(err, &interrupted) || interrupted.Step != 6 {
				t.Fatalf("got %v, want an interruption after step 6", err)
			}
			if lines, err := r.Metrics("toy"); err != nil || len(lines) != 1 || lines[0].Step != 4 || lines[0].Values["grad_norm"] == 0 {
				t.Fatalf("want step 4 with its norm, got %v, %v", lines, err)
			}
			if err := trainToy(t, context.Background(), r, newToy(openPortable(), 1, 8, 16), c, true); err != nil {
				t.Fatal(err)
			}
			sameRun(t, straight, r)
		})
	}
}

// TestResumeTakesBackMetrics resumes from a checkpoint that is older than the last lines of metrics.
func TestResumeTakesBackMetrics(t *testing.T) {
	straight, r := newRun(t), newRun(t)
	c := toyConfig(12)
	c.LogEvery, c.CheckpointEvery, c.SampleEvery = 1, 5, 3
	if err := trainToy(t, context.Background(), straight, newToy(openPortable(), 1, 8, 16), c, false); err != nil {
		t.Fatal(err)
	}
	m := newToy(openPortable(), 1, 8, 16)
	task := m.task()
	task.Source = failing{m.rows, &m.losses, 2 * 8} // in step 9, after the checkpoint of step 5
	if _, err := Run(context.Background(), r.Dir(), task, c, Options{}); err == nil || err.Error() != "lost power" {
		t.Fatal(err)
	}
	if lines, err := r.Metrics("toy"); err != nil || lines[len(lines)-1].Step != 8 {
		t.Fatal(lines, err)
	}
	m = newToy(openPortable(), 1, 8, 16)
	if err := trainToy(t, context.Background(), r, m, c, true); err != nil {
		t.Fatal(err)
	}
	lines, err := r.Metrics("toy")
	if err != nil || len(lines) != 12 {
		t.Fatal(len(lines), err)
	}
	for i, l := range lines {
		if l.Step != i+1 {
			t.Errorf("line %d is of step %d", i, l.Step)
		}
	}
}

// failing is a source that fails after batch number last.
type failing struct {
	Source[RowBatch]
	losses *int
	last   int
}

func (f failing) Next() (RowBatch, error) {
	if *f.losses == f.last {
		return RowBatch{}, errors.New("lost power")
	}
	return f.Source.Next()
}

func TestEarlyStopping(t *testing.T) {
	r := newRun(t)
	m := newToy(openPortable(), 1, 8, 16)
	losses := []float64{3, 2, 1, 4, math.NaN(), 5, 0}
	m.heldOut = func(call int) float64 { return losses[call-1] }
	c := toyConfig(100)
	c.Schedule, c.Patience, c.EMA = "constant", 3, 0
	var progress bytes.Buffer
	res, err := Run(context.Background(), r.Dir(), m.task(), c, Options{Progress: &progress})
	if err != nil {
		t.Fatal(err)
	}
	if !res.Early || res.Step != 18 || res.Best.Step != 9 || res.Best.Loss != 1 || !strings.Contains(progress.String(), "of step 9, are kept") {
		t.Errorf("got %+v\n%s", res, progress.String())
	}
	best := newToy(openPortable(), 1, 8, 16)
	ninth := toyConfig(9)
	ninth.Schedule, ninth.EMA = "constant", 0
	if err := trainToy(t, context.Background(), newRun(t), best, ninth, false); err != nil {
		t.Fatal(err)
	}
	same(t, best.net, m.net)

	// To resume changes nothing, unless it may go on for longer.
	again := newToy(openPortable(), 2, 8, 16)
	if res, err = Run(context.Background(), r.Dir(), again.task(), c, Options{Resume: true}); err != nil || res.Step != 18 || again.losses != 0 {
		t.Errorf("got %+v, %v after %d batches", res, err, again.losses)
	}
}

func TestPlateauLowersTheRate(t *testing.T) {
	r := newRun(t)
	m := newToy(openPortable(), 1, 8, 16)
	m.heldOut = func(int) float64 { return 1 }
	c := toyConfig(9)
	c.Warmup, c.DropFactor, c.DropEvery = 0, 0.5, 1
	if err := trainToy(t, context.Background(), r, m, c, false); err != nil {
		t.Fatal(err)
	}
	lines, err := r.Metrics("toy")
	if err != nil {
		t.Fatal(err)
	}
	got := map[int]float64{}
	for _, l := range lines {
		got[l.Step] = l.Values["lr"]
	}
	if got[6] != 0.01 || got[8] != 0.005 || got[9] != 0.005 {
		t.Errorf("rates %v", got)
	}
}

func TestEpochs(t *testing.T) {
	m := newToy(openPortable(), 1, 8, 16) // 6 batches an epoch
	c := toyConfig(0)
	c.Epochs, c.Accumulate = 3, 4
	res, err := Run(context.Background(), newRun(t).Dir(), m.task(), c, Options{})
	if err != nil || res.Step != 5 {
		t.Errorf("got %+v, %v; want 5 steps of 4 batches for 18", res, err)
	}
}
