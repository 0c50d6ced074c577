package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/run"
)

// TestNothingDrawnLosesTheTraining puts files where samples, events and the plot belong, and makes drawing fail and panic: the
// training ends with the weights of one that drew everything, and says what is missing.
func TestNothingDrawnLosesTheTraining(t *testing.T) {
	c := toyConfig(12)
	c.SampleEvery = 4
	straight := newRun(t)
	if err := trainToy(t, context.Background(), straight, newToy(openPortable(), 1, 8, 16), c, false); err != nil {
		t.Fatal(err)
	}
	file := func(name string) func(t *testing.T, r *run.Run, k *Task[RowBatch]) {
		return func(t *testing.T, r *run.Run, _ *Task[RowBatch]) {
			if err := os.WriteFile(r.Path(name), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		prepare func(t *testing.T, r *run.Run, k *Task[RowBatch])
		words   []string
	}{
		"samples is a file": {file("samples"), []string{"failed to draw samples (3 times", "samples"}},
		"events is a file":  {file("events"), []string{"failed to write events (1 times", "events"}},
		"the plot is a folder": {func(t *testing.T, r *run.Run, _ *Task[RowBatch]) {
			if err := os.MkdirAll(filepath.Join(r.LossPlot("toy"), "x"), 0o777); err != nil {
				t.Fatal(err)
			}
		}, []string{"failed to draw the plot", "toy.loss.png"}},
		"the grid is too large": {func(_ *testing.T, _ *run.Run, k *Task[RowBatch]) {
			k.Samples = func(string) error { return errors.New("more than 16384 pixels") }
		}, []string{"samples (3 times, the last: more than 16384 pixels)"}},
		"no PNG": {func(_ *testing.T, _ *run.Run, k *Task[RowBatch]) {
			k.Samples = func(path string) error { return os.WriteFile(path, []byte("GIF"), 0o666) }
		}, []string{"failed to write events (3 times", "no PNG"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t)
			task := newToy(openPortable(), 1, 8, 16).task()
			test.prepare(t, r, &task)
			var progress bytes.Buffer
			result, err := Run(context.Background(), r.Dir(), task, c, Options{Progress: &progress})
			if err != nil {
				t.Fatal(err)
			}
			sameRun(t, straight, r)
			for _, word := range test.words {
				if len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], word) || !strings.HasSuffix(strings.TrimSpace(progress.String()), result.Warnings[0]) {
					t.Errorf("want one warning with %q, got %q\n%s", word, result.Warnings, progress.String())
				}
			}
		})
	}
}

// TestFailedEvaluation saves before it returns the error, and the next process makes up for the evaluation: everything is
// as if it had not failed.
func TestFailedEvaluation(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"plateau":  func(*Config) {},
		"patience": func(c *Config) { c.Patience, c.Schedule, c.EMA = 9, "constant", 0 },
	} {
		for _, at := range []int{1, 3, 7} { // the seventh evaluation is that of the last step
			t.Run(name, func(t *testing.T) {
				c := toyConfig(20)
				change(&c)
				straight, r := newRun(t), newRun(t)
				if err := trainToy(t, context.Background(), straight, newToy(openPortable(), 1, 8, 16), c, false); err != nil {
					t.Fatal(err)
				}
				m := newToy(openPortable(), 1, 8, 16)
				task, calls := m.task(), 0
				evaluate := task.Evaluate
				task.Evaluate = func() (Metrics, error) {
					if calls++; calls == at {
						return nil, errors.New("the held-out pictures are gone")
					}
					return evaluate()
				}
				_, err := Run(context.Background(), r.Dir(), task, c, Options{})
				fails(t, err, "pictures are gone")
				if got, want := stepOf(t, r), min(3*at, 20); got != want {
					t.Errorf("the checkpoint is of step %d, want %d", got, want)
				}
				if err := trainToy(t, context.Background(), r, newToy(openPortable(), 1, 8, 16), c, true); err != nil {
					t.Fatal(err)
				}
				sameRun(t, straight, r)
			})
		}
	}
}

// TestStoppedBeforeTheFirstCheckpoint resumes, and starts, a training that was killed before it saved anything. Neither asks
// to delete a file.
func TestStoppedBeforeTheFirstCheckpoint(t *testing.T) {
	c := toyConfig(12)
	straight := newRun(t)
	if err := trainToy(t, context.Background(), straight, newToy(openPortable(), 1, 8, 16), c, false); err != nil {
		t.Fatal(err)
	}
	killed := errors.New("killed")
	defer func(before func(atomicfile.Op) error) { atomicfile.Hook = before }(atomicfile.Hook)
	stopped := map[bool]int{}
	for at := 1; at < 60; at += 2 {
		for _, resume := range []bool{true, false} {
			dir := filepath.Join(t.TempDir(), "run")
			n := 0
			skip := func(op atomicfile.Op) error { // syncs take long and change nothing here
				if op.Kind == atomicfile.OpSync || op.Kind == atomicfile.OpSyncDir {
					return atomicfile.ErrSkip
				}
				return nil
			}
			atomicfile.Hook = func(op atomicfile.Op) error {
				if n++; n >= at {
					return killed
				}
				return skip(op)
			}
			task := newToy(openPortable(), 1, 8, 16).task()
			task.Samples = nil
			_, _ = Run(context.Background(), dir, task, c, Options{})
			atomicfile.Hook = skip
			r, err := run.Open(dir)
			if err != nil { // there is nothing yet
				resume = false
				r, err = run.Create(dir)
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.HasState("toy") {
				if !r.HasWeights("toy") {
					t.Fatalf("change %d: a state without weights", at)
				}
				resume = true
			} else {
				if r.HasWeights("toy") {
					t.Fatalf("change %d: weights without a state", at)
				}
				stopped[resume]++
				resume = resume && r.HasTraining("toy")
			}
			var progress bytes.Buffer
			began := r.HasState("toy")
			if _, err := Run(context.Background(), dir, newToy(openPortable(), 1, 8, 16).task(), c, Options{Resume: resume, Progress: &progress}); err != nil {
				t.Fatalf("change %d, resume %t: %v", at, resume, err)
			}
			if resume && !began && !strings.Contains(progress.String(), "starts anew") {
				t.Errorf("change %d: it doesn't say that it starts anew:\n%s", at, progress.String())
			}
			sameRun(t, straight, r)
		}
	}
	if stopped[true] < 5 || stopped[false] < 5 {
		t.Errorf("the kills came before the first checkpoint %v times", stopped)
	}
}

// TestFiniteDivergence ends with losses that are finite and of no use.
func TestFiniteDivergence(t *testing.T) {
	for name, test := range map[string]struct {
		losses []float64 // held out
		words  []string  // nil: nothing is wrong
		change func(*Config)
	}{
		"healthy":             {[]float64{3, 2, 1, 1}, nil, nil},
		"overfitted":          {[]float64{3, 2, 4, 9}, nil, nil},
		"density":             {[]float64{-3, -20, -70, -60}, nil, nil},
		"far above the start": {[]float64{3, 2, 50, 90}, []string{"diverged", "held-out loss is 90 at the end and was 3", "lower the learning rate (0.01)"}, nil},
		"nonsense throughout": {[]float64{1e27, 2e27, 2e27, 1.4e27}, []string{"held-out loss is 1.4e+27 at the end and was 4."}, nil},
		"the best is kept":    {[]float64{3, 2, 50, 90}, nil, func(c *Config) { c.Patience = 9 }},
		"no best is any good": {[]float64{1e27, 2e27, 2e27, 2e27}, []string{"held-out loss is 1e+27"}, func(c *Config) { c.Patience = 9 }},
	} {
		t.Run(name, func(t *testing.T) {
			c := toyConfig(12)
			c.Schedule, c.EMA = "constant", 0
			if test.change != nil {
				test.change(&c)
			}
			r, m := newRun(t), newToy(openPortable(), 1, 8, 16)
			m.heldOut = func(call int) float64 { return test.losses[call-1] }
			result, err := Run(context.Background(), r.Dir(), m.task(), c, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !r.HasWeights("toy") {
				t.Error("the weights are not saved")
			}
			switch {
			case test.words != nil && result.HighLoss == nil:
				t.Error("nothing is said")
			case test.words != nil:
				fails(t, result.HighLoss, test.words...)
			case result.HighLoss != nil:
				t.Error(result.HighLoss)
			}
		})
	}
}

// TestMistakesLeaveNoFolder expects settings that can't work to be noticed before the run folder is made.
func TestMistakesLeaveNoFolder(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"batch norm on one row": func(c *Config) { c.Batch = 1 },
		"warmup":                func(c *Config) { c.Warmup = 20 },
		"patience":              func(c *Config) { c.Patience, c.EvalEvery = 1, 0 },
	} {
		dir := filepath.Join(t.TempDir(), "runs", "x")
		c := toyConfig(20)
		change(&c)
		if _, err := Run(context.Background(), dir, newToy(openPortable(), 1, 8, 16).task(), c, Options{}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Stat(filepath.Dir(dir)); err == nil {
			t.Errorf("%s: the folder was made", name)
		}
	}
}

// TestFreshAndResumedStatesAreAlike expects the precision in the state of a new training.
func TestFreshAndResumedStatesAreAlike(t *testing.T) {
	r := newRun(t)
	if err := trainToy(t, context.Background(), r, newToy(openPortable(), 1, 8, 16), toyConfig(5), false); err != nil {
		t.Fatal(err)
	}
	f, err := r.LoadState("toy")
	if err != nil {
		t.Fatal(err)
	}
	var p place
	if err := json.Unmarshal([]byte(f.Metadata[placeKey]), &p); err != nil || p.Config.Precision != "highest" {
		t.Errorf("precision %q, %v", p.Config.Precision, err)
	}
}

// TestLogOfTheRun damages, cuts and shortens the log of a run, resumes, and expects to be told.
func TestLogOfTheRun(t *testing.T) {
	for name, test := range map[string]struct {
		damage func(lines []string) []string
		words  []string
	}{
		"empty":      {func([]string) []string { return nil }, []string{"lines of the toy are lost: 3 of the 3 up to step 5; the last that is left is of step 0"}},
		"a hole":     {func(l []string) []string { return append(l[:1], l[2:]...) }, []string{"lines of the toy are lost: 1 of the 3 up to step 5"}},
		"one letter": {func(l []string) []string { l[1] = strings.Replace(l[1], `"lr":0.0`, `"lr":0.1`, 1); return l }, []string{"damaged lines: 1; they are moved to metrics.jsonl.damaged", "are lost: 1 of the 3"}},
		"torn":       {func(l []string) []string { return append(l, `{"epoch":1,"gr`) }, []string{"damaged lines: 1"}},
		"newer lines": {func(l []string) []string {
			return append(l, `{"model":"toy","step":7}`+"\n", `{"model":"toy","step":9}`+"\n")
		}, []string{"newer than its checkpoint are taken back: 2 (steps 7 to 9)"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t)
			c := toyConfig(5)
			if err := trainToy(t, context.Background(), r, newToy(openPortable(), 1, 8, 16), c, false); err != nil {
				t.Fatal(err)
			}
			path := r.Path("metrics.jsonl")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n")+"\n", "\n")
			damaged := strings.Join(test.damage(lines[:len(lines)-1]), "")
			if err := os.WriteFile(path, []byte(damaged), 0o666); err != nil {
				t.Fatal(err)
			}
			if report, err := Verify(r.Dir()); err != nil || (len(report.Problems) == 0) != (name == "torn" || name == "newer lines") {
				t.Errorf("Verify: %+v, %v", report, err)
			}
			for round := range 2 {
				var progress bytes.Buffer
				c.Steps++
				if _, err := Run(context.Background(), r.Dir(), newToy(openPortable(), 1, 8, 16).task(), c, Options{Resume: true, Progress: &progress}); err != nil {
					t.Fatal(err)
				}
				for _, word := range test.words {
					if strings.Contains(progress.String(), word) != (round == 0) {
						t.Errorf("resumed for the %d. time, about %q:\n%s", round+1, word, progress.String())
					}
				}
			}
			if strings.Contains(test.words[0], "damaged") {
				aside, err := os.ReadFile(path + ".damaged")
				if err != nil || !strings.Contains(damaged, strings.TrimSuffix(string(aside), "\n")) || len(aside) == 0 {
					t.Errorf("set aside: %q, %v", aside, err)
				}
			}
			if report, err := Verify(r.Dir()); err != nil || len(report.Problems) > 0 {
				t.Errorf("Verify afterwards: %+v, %v", report, err)
			}
		})
	}
}
