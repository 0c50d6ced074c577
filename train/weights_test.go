package train

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/google/go-cmp/cmp"
)

func bytesOf(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func remove(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// resumed resumes a toy and returns what the training said.
func resumed(t *testing.T, r *run.Run, m *toy, c Config, o Options) string {
	t.Helper()
	var progress bytes.Buffer
	o.Progress = &progress
	if _, err := Run(context.Background(), r.Dir(), m.task(), c, o); err != nil {
		t.Fatal(err)
	}
	return progress.String()
}

// half trains a toy up to a step in a new run folder.
func half(t *testing.T, c Config) *run.Run {
	t.Helper()
	r, m := newRun(t), newToy(openPortable(), 1, 8, 16)
	var stopped *Interrupted
	if err := trainToy(t, m.after(2*6), r, m, c, false); !errors.As(err, &stopped) || stopped.Step != 6 {
		t.Fatal(err)
	}
	return r
}

// TestResumeWithoutManifest resumes a run of an older program, which has no manifest, to the bit.
func TestResumeWithoutManifest(t *testing.T) {
	c := toyConfig(12)
	straight := newRun(t)
	if err := trainToy(t, context.Background(), straight, newToy(openPortable(), 1, 8, 16), c, false); err != nil {
		t.Fatal(err)
	}
	r := half(t, c)
	remove(t, r.Path("manifest.json"))
	resumed(t, r, newToy(openPortable(), 1, 8, 16), c, Options{Resume: true})
	sameRun(t, straight, r)
	if report, err := Verify(r.Dir()); err != nil || len(report.Problems) > 0 || report.Generation == 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestOldDeadEnd has what an older program left that was killed between the weights and the state of its first checkpoint.
// Resuming trains these weights, starting starts anew; both keep the weights and the log.
func TestOldDeadEnd(t *testing.T) {
	for _, resume := range []bool{true, false} {
		c := toyConfig(12)
		r := half(t, c)
		remove(t, r.Path("manifest.json"), r.StatePath("toy"))
		before, log := bytesOf(t, r.WeightsPath("toy")), bytesOf(t, r.Path("metrics.jsonl"))
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := Run(ctx, r.Dir(), newToy(openPortable(), 1, 8, 16).task(), c, Options{Resume: resume}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := run.CheckTraining(r.Dir(), "toy"); err != nil {
			t.Error(err)
		}
		m := newToy(openPortable(), 1, 8, 16)
		said := resumed(t, r, m, c, Options{Resume: resume})
		kept := r.WeightsPath("toy") + ".earlier"
		if !strings.Contains(said, "stay as "+kept) || !bytes.Equal(bytesOf(t, kept), before) || !bytes.Equal(bytesOf(t, r.Path("metrics.jsonl.earlier")), log) {
			t.Errorf("resume %t: the weights or the log are not kept:\n%s", resume, said)
		}
		if got := stepOf(t, r); got != 12 {
			t.Errorf("resume %t: the training ended at step %d", resume, got)
		}
		if report, err := Verify(r.Dir()); err != nil || len(report.Problems) > 0 {
			t.Errorf("%+v, %v", report, err)
		}
		if !resume {
			straight := newRun(t)
			if err := trainToy(t, context.Background(), straight, newToy(openPortable(), 1, 8, 16), c, false); err != nil {
				t.Fatal(err)
			}
			sameRun(t, straight, r)
		}
	}
}

// TestTrainImportedWeights trains weights without a checkpoint, twice, with an interruption before the first checkpoint.
func TestTrainImportedWeights(t *testing.T) {
	c := toyConfig(8)
	c.LearningRate, c.EMA = 1e-9, 0
	imported := newToy(openPortable(), 7, 8, 16)
	r := newRun(t)
	if err := errors.Join(r.SetConfig("toy", map[string]int{"inputs": toyInputs}), r.SaveWeights("toy", weights.Of(imported.net), nil)); err != nil {
		t.Fatal(err)
	}
	_, err := Run(context.Background(), r.Dir(), newToy(openPortable(), 1, 8, 16).task(), c, Options{})
	fails(t, err, "holds a trained toy already", "resume it", "move toy.safetensors")
	task := newToy(openPortable(), 1, 8, 16).task()
	task.Settings = map[string]int{"inputs": 5}
	_, err = Run(context.Background(), r.Dir(), task, c, Options{Resume: true})
	fails(t, err, "Settings", "config.json")
	_, err = Run(context.Background(), r.Dir(), newToy(openPortable(), 1, 8, 17).task(), c, Options{Resume: true})
	fails(t, err, "toy.safetensors")

	m := newToy(openPortable(), 1, 8, 16)
	if said := resumed(t, r, m, c, Options{Resume: true}); !strings.Contains(said, "toy.safetensors.earlier") {
		t.Error(said)
	}
	got, want := nn.Params(m.net)[0].Tensor.Values(), nn.Params(imported.net)[0].Tensor.Values()
	for i := range got {
		if d := got[i] - want[i]; d > 1e-6 || d < -1e-6 {
			t.Fatalf("weight %d is %g, and the imported one %g", i, got[i], want[i])
		}
	}
	c.Steps = 12
	if said := resumed(t, r, newToy(openPortable(), 1, 8, 16), c, Options{Resume: true}); !strings.Contains(said, "continues after step 8") {
		t.Error(said)
	}
	if kept, err := filepath.Glob(r.Path("*.earlier*")); err != nil || len(kept) != 1 {
		t.Errorf("kept %q", kept)
	}
}

// TestDamagedFilesOfATraining damages and deletes the weights or the state. Verify names the way out, which works.
func TestDamagedFilesOfATraining(t *testing.T) {
	for _, patience := range []int{0, 50} {
		c := toyConfig(12)
		c.Patience = patience
		straight := newRun(t)
		if err := trainToy(t, context.Background(), straight, newToy(openPortable(), 1, 8, 16), c, false); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"toy.safetensors", "toy.state.safetensors"} {
			for _, missing := range []bool{false, true} {
				for _, complete := range []bool{false, true} {
					r := half(t, c)
					if complete {
						resumed(t, r, newToy(openPortable(), 1, 8, 16), c, Options{Resume: true})
					}
					remedy := "resume the training, which writes it again from toy.state.safetensors"
					if strings.Contains(file, "state") {
						remedy = "starts at step 0 from the weights of toy.safetensors"
					}
					if text := bytesOf(t, r.Path(file)); missing {
						remove(t, r.Path(file))
					} else {
						text[len(text)-9] ^= 4
						if err := os.WriteFile(r.Path(file), text, 0o666); err != nil {
							t.Fatal(err)
						}
					}
					report, err := Verify(r.Dir())
					if err != nil || len(report.Problems) != 1 || !strings.Contains(report.Problems[0], remedy) {
						t.Errorf("%s, missing %t: %q, %v", file, missing, report.Problems, err)
					}
					if strings.Contains(file, "state") && !missing {
						_, err := Run(context.Background(), r.Dir(), newToy(openPortable(), 1, 8, 16).task(), c, Options{Resume: true})
						fails(t, err, file)
						remove(t, r.Path(file))
					}
					resumed(t, r, newToy(openPortable(), 1, 8, 16), c, Options{Resume: true})
					if patience == 0 && file == "toy.safetensors" {
						a, b := newToy(openPortable(), 1, 8, 16), newToy(openPortable(), 1, 8, 16)
						_, err1 := r.LoadWeights("toy", a.net)
						_, err2 := straight.LoadWeights("toy", b.net)
						if diff := cmp.Diff(weights.Of(a.net), weights.Of(b.net)); err1 != nil || err2 != nil || diff != "" {
							t.Errorf("missing %t, complete %t: other weights: %v, %v, %s", missing, complete, err1, err2, diff)
						}
					}
					if report, err := Verify(r.Dir()); err != nil || len(report.Problems) > 0 {
						t.Errorf("%s, missing %t: afterwards %q, %v", file, missing, report.Problems, err)
					}
				}
			}
		}
	}
}

// TestInterruptedBeforeTheFirstStep changes nothing.
func TestInterruptedBeforeTheFirstStep(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c, dir := toyConfig(12), filepath.Join(t.TempDir(), "run")
	_, err := Run(ctx, dir, newToy(openPortable(), 1, 8, 16).task(), c, Options{})
	fails(t, err, "interrupted before its first step", "nothing was saved")
	if _, err := os.Stat(dir); err == nil {
		t.Error("there is a folder")
	}
	r := half(t, c)
	before := bytesOf(t, r.StatePath("toy"))
	_, err = Run(ctx, r.Dir(), newToy(openPortable(), 1, 8, 16).task(), c, Options{Resume: true})
	fails(t, err, "interrupted before its first step", r.Dir()+" is as it was")
	if !bytes.Equal(before, bytesOf(t, r.StatePath("toy"))) {
		t.Error("the state has changed")
	}
	// While another goroutine has the device.
	m := newToy(openPortable(), 1, 8, 16)
	ctx, cancel = context.WithCancel(context.Background())
	busy, release := make(chan struct{}), make(chan struct{})
	go func() {
		_ = m.device.Exclusive(context.Background(), func() error { close(busy); <-release; return nil })
	}()
	<-busy
	done := make(chan error)
	go func() {
		_, err := Run(ctx, dir, m.task(), c, Options{})
		done <- err
	}()
	cancel()
	var stopped *Interrupted
	if err := <-done; !errors.As(err, &stopped) || stopped.Step != 0 {
		t.Error(err)
	}
	close(release)
}
