package train

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	ossignal "os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/tensor"
)

// fails checks for an error of one line that mentions all of the words.
func fails(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error lacks %q: %v", w, err)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
}

func TestNonFiniteLoss(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, c := range map[string]struct {
		value float32
		call  int // of Loss, two a step
		words []string
	}{
		"NaN in the data":      {nan, 17, []string{"toy: step 9: the loss became NaN because of its input: row ", "the data holds NaN (value 2)", "remove or correct"}},
		"infinity in the data": {inf, 18, []string{"step 9", "the data holds +Inf (value 2)"}},
		"overflow":             {1e30, 17, []string{"step 9: the loss is +Inf", "norm of the gradient", "learning rate: 0.0", "lower the learning rate", "clip the gradient", "resume from the checkpoint of step 5"}},
		"before a checkpoint":  {1e30, 1, []string{"step 1: the loss is +Inf", "start again"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t)
			m := newToy(openPortable(), 1, 8, 16)
			m.spoil = func(call int, x []float32) {
				if call == c.call {
					x[toyInputs+2] = c.value
				}
			}
			fails(t, trainToy(t, context.Background(), r, m, toyConfig(20), false), c.words...)
			if c.call == 1 {
				if r.HasState("toy") || r.HasWeights("toy") {
					t.Error("something was saved")
				}
				return
			}
			if got := stepOf(t, r); got != 5 {
				t.Errorf("the checkpoint is of step %d, want 5", got)
			}
			if _, err := r.LoadWeights("toy", m.net); err != nil {
				t.Error(err)
			}
			if err := trainToy(t, context.Background(), r, newToy(openPortable(), 1, 8, 16), toyConfig(20), true); err != nil {
				t.Error(err)
			}
		})
	}
}

// steepTask is a task with a loss that has a gradient of NaN, though it is finite, the given time it is called.
func (m *toy) steepTask(call int) Task[RowBatch] {
	task := m.task()
	loss := task.Loss
	task.Loss = func(batch RowBatch) (*tensor.Tensor, *Figures) {
		l, figures := loss(batch)
		if m.losses == call {
			l = l.Mul(l.Scale(0).Sqrt()).Add(l) // √0 has an infinite slope
		}
		return l, figures
	}
	return task
}

// TestNonFiniteGradient stops before it reaches the weights, though the loss is finite.
func TestNonFiniteGradient(t *testing.T) {
	r := newRun(t)
	m := newToy(openPortable(), 1, 8, 16)
	_, err := Run(context.Background(), r.Dir(), m.steepTask(5), toyConfig(20), Options{})
	fails(t, err, "toy: step 3: the gradient is NaN", "lower the learning rate")
}

// TestNonFiniteWeightsAreNotSaved interrupts a training in a step whose gradient is NaN and isn't measured.
func TestNonFiniteWeightsAreNotSaved(t *testing.T) {
	r := newRun(t)
	m := newToy(openPortable(), 1, 8, 16)
	config := toyConfig(20)
	config.Clip, config.EvalEvery, config.Schedule = 0, 0, "cosine"
	const calls = 2*8 + 1 // of Loss, two a step: the ninth is neither logged nor saved
	ctx := m.after(calls)
	_, err := Run(ctx, r.Dir(), m.steepTask(calls), config, Options{})
	fails(t, err, "step 9: the norm of the weights is NaN", "the checkpoint of step 5")
	if got := stepOf(t, r); got != 5 {
		t.Errorf("the checkpoint is of step %d, want 5", got)
	}
}

func TestWrongUse(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config, *Task[RowBatch])
		words  []string
	}{
		"batch of one":       {func(c *Config, _ *Task[RowBatch]) { c.Batch = 1 }, []string{"Batch 1: the toy has batch norm", "2 or more"}},
		"no batch":           {func(c *Config, _ *Task[RowBatch]) { c.Batch = 0 }, []string{"Batch 0", "must be 1 to"}},
		"negative steps":     {func(c *Config, _ *Task[RowBatch]) { c.Steps = -3 }, []string{"Steps -3"}},
		"no steps":           {func(c *Config, _ *Task[RowBatch]) { c.Steps = 0 }, []string{"Steps or Epochs"}},
		"steps and epochs":   {func(c *Config, _ *Task[RowBatch]) { c.Epochs = 2 }, []string{"Steps 20", "Epochs 2"}},
		"rate":               {func(c *Config, _ *Task[RowBatch]) { c.LearningRate = math.NaN() }, []string{"LearningRate NaN"}},
		"infinite rate":      {func(c *Config, _ *Task[RowBatch]) { c.LearningRate = math.Inf(1) }, []string{"LearningRate +Inf"}},
		"average":            {func(c *Config, _ *Task[RowBatch]) { c.EMA = 1 }, []string{"EMA 1"}},
		"schedule":           {func(c *Config, _ *Task[RowBatch]) { c.Schedule = "linear" }, []string{"Schedule linear", "plateau"}},
		"optimizer":          {func(c *Config, _ *Task[RowBatch]) { c.Optimizer = "lion" }, []string{"Optimizer lion", "adamw"}},
		"warm-up":            {func(c *Config, _ *Task[RowBatch]) { c.Warmup = 20 }, []string{"Warmup 20", "20 steps"}},
		"nothing held out":   {func(c *Config, k *Task[RowBatch]) { c.Schedule, c.Patience, k.Evaluate = "cosine", 1, nil }, []string{"Patience 1", "held-out"}},
		"nothing to judge":   {func(_ *Config, k *Task[RowBatch]) { k.Evaluate = nil }, []string{"Schedule plateau", "held-out"}},
		"patience, no evals": {func(c *Config, _ *Task[RowBatch]) { c.Patience, c.EvalEvery = 1, 0 }, []string{"EvalEvery 0"}},
		"odd batch":          {func(_ *Config, k *Task[RowBatch]) { k.Source = single{k.Source} }, []string{"step 1", "a batch of 1 rows", "another batch size"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t)
			config, task := toyConfig(20), newToy(openPortable(), 1, 8, 16).task()
			c.change(&config, &task)
			_, err := Run(context.Background(), r.Dir(), task, config, Options{})
			fails(t, err, c.words...)
			if r.HasState("toy") || r.HasWeights("toy") {
				t.Error("something was saved")
			}
		})
	}
}

// single claims that its batches have one item.
type single struct{ Source[RowBatch] }

func (s single) Next() (RowBatch, error) {
	b, err := s.Source.Next()
	b.Indices = b.Indices[:1]
	return b, err
}

func TestWrongRun(t *testing.T) {
	r := newRun(t)
	c := toyConfig(6)
	fresh := func() *toy { return newToy(openPortable(), 1, 8, 16) }
	fails(t, trainToy(t, context.Background(), r, fresh(), c, true), r.Dir(), "no training of toy to resume")
	if err := trainToy(t, context.Background(), r, fresh(), c, false); err != nil {
		t.Fatal(err)
	}
	fails(t, trainToy(t, context.Background(), r, fresh(), c, false), r.Dir(), "already", "resume it")

	lock, err := r.Lock()
	if err != nil {
		t.Fatal(err)
	}
	fails(t, trainToy(t, context.Background(), r, fresh(), c, true), "is training into this folder")
	lock.Unlock()

	c.Steps = 9
	for words, change := range map[string]func(*Config, *toy, *Task[RowBatch]){
		"Batch 16: the run was started with 8":        func(c *Config, _ *toy, _ *Task[RowBatch]) { c.Batch = 16 },
		"Seed 7: the run was started with 1":          func(c *Config, _ *toy, _ *Task[RowBatch]) { c.Seed = 7 },
		"Data: the rows are not those":                func(_ *Config, m *toy, _ *Task[RowBatch]) { m.rows.at.Data = "other" },
		"has 1 random generators where the toy has 0": func(_ *Config, _ *toy, k *Task[RowBatch]) { k.Generators = nil },
		"toy.state.safetensors: has no \"weight.9.":   func(_ *Config, m *toy, _ *Task[RowBatch]) { m.net.Add("9", m.net.Layers()[0]) },
	} {
		config, m := c, fresh()
		task := m.task()
		change(&config, m, &task)
		_, err := Run(context.Background(), r.Dir(), task, config, Options{Resume: true})
		fails(t, err, words)
	}
	damage(t, r.StatePath("toy"))
	fails(t, trainToy(t, context.Background(), r, fresh(), c, true), "toy.state.safetensors", "checksum")
	if err := os.Remove(r.StatePath("toy")); err != nil {
		t.Fatal(err)
	}
	fails(t, trainToy(t, context.Background(), r, fresh(), c, false), "trained toy already", "choose another folder")
}

func damage(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-3] ^= 4
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestKill kills a process, over and over, that does little but save. Each time the folder must open, its weights load
// and the training go on; in the end the weights must be those of a training that nobody killed.
func TestKill(t *testing.T) {
	const steps, width = 40, 128
	config := toyConfig(steps)
	config.CheckpointEvery, config.Accumulate, config.EvalEvery, config.LogEvery = 1, 1, 20, 3
	fresh := func() *toy { return newToy(openPortable(), 1, 8, width) }
	if dir := os.Getenv("TRAIN_TEST_KILL"); dir != "" {
		r, err := run.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(os.Stdout, "ready")
		if err := trainToy(t, context.Background(), r, fresh(), config, r.HasState("toy")); err != nil {
			t.Fatal(err)
		}
		return
	}
	r := newRun(t)
	kills, deepest := 0, 0
	most, longest := 10, 3*time.Second
	if os.Getenv("BESTIARY_TORTURE") != "" {
		most, longest = 400, 10*time.Minute
	}
	random := rand.New(rand.NewPCG(1, 2))
	for began := time.Now(); kills < most && time.Since(began) < longest; kills++ {
		child := exec.Command(os.Args[0], "-test.run=^TestKill$")
		child.Env = append(os.Environ(), "TRAIN_TEST_KILL="+r.Dir())
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.IntN(120)) * time.Millisecond)
		_ = child.Process.Kill() // it may have finished
		_ = child.Wait()
		if _, err := run.Open(r.Dir()); err != nil {
			t.Fatal(err)
		}
		if r.HasWeights("toy") {
			if _, err := r.LoadWeights("toy", fresh().net); err != nil {
				t.Fatal(err)
			}
		}
		if r.HasState("toy") {
			step := stepOf(t, r)
			if step < deepest {
				t.Errorf("the checkpoint went back from step %d to %d", deepest, step)
			}
			deepest = step
		}
		if found, err := Verify(r.Dir()); err != nil || len(found.Problems) > 0 {
			t.Errorf("Verify: %+v, %v", found, err)
		}
	}
	t.Logf("%d kills, the last checkpoint is of step %d", kills, deepest)
	if err := trainToy(t, context.Background(), r, fresh(), config, r.HasState("toy")); err != nil {
		t.Fatal(err)
	}
	straight := newRun(t)
	config.CheckpointEvery = 0
	if err := trainToy(t, context.Background(), straight, fresh(), config, false); err != nil {
		t.Fatal(err)
	}
	a, b := fresh(), fresh()
	if _, err := r.LoadWeights("toy", a.net); err != nil {
		t.Fatal(err)
	}
	if _, err := straight.LoadWeights("toy", b.net); err != nil {
		t.Fatal(err)
	}
	same(t, a.net, b.net)
	left, err := filepath.Glob(filepath.Join(filepath.Dir(r.Dir()), "*", ".*.tmp"))
	next, errNext := filepath.Glob(filepath.Join(r.Dir(), "*.next"))
	if err != nil || errNext != nil || len(left)+len(next) > 0 {
		t.Errorf("%d kills have left %v %v", kills, left, next)
	}
}

// TestSteadyMemory counts what a step allocates, the model's part included, and what stays.
func TestSteadyMemory(t *testing.T) {
	m := newToy(openPortable(), 1, 8, 16)
	c := toyConfig(600)
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery, c.Schedule = 0, 0, 0, "cosine"
	var before, after runtime.MemStats
	m.spoil = func(call int, _ []float32) {
		switch call {
		case 2 * 100:
			runtime.ReadMemStats(&before)
		case 2 * 600:
			runtime.ReadMemStats(&after)
		}
	}
	var progress bytes.Buffer
	if _, err := Run(context.Background(), newRun(t).Dir(), m.task(), c, Options{Progress: &progress}); err != nil {
		t.Fatal(err)
	}
	each := (after.TotalAlloc - before.TotalAlloc) / 500
	t.Logf("%d bytes a step", each)
	if each > 50_000 {
		t.Errorf("a step allocates %d bytes", each)
	}
}

// TestSignals sends a child that trains an interrupt and the other signals that ask it to end. It must save and stop.
func TestSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process can't be sent an interrupt on Windows")
	}
	config := toyConfig(1 << 30)
	config.EvalEvery, config.SampleEvery, config.CheckpointEvery, config.Schedule = 0, 0, 0, "constant"
	if dir := os.Getenv("TRAIN_TEST_SIGNAL"); dir != "" {
		r, err := run.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := UntilSignal(context.Background())
		defer stop()
		m := newToy(openPortable(), 1, 8, 16)
		m.spoil = func(call int, _ []float32) {
			if call == 20 {
				fmt.Fprintln(os.Stdout, "ready")
			}
		}
		fmt.Fprintln(os.Stdout, trainToy(t, ctx, r, m, config, false))
		return
	}
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(signal.String(), func(t *testing.T) {
			if ossignal.Ignored(signal) {
				t.Skip("the signal is ignored here, as under nohup")
			}
			r := newRun(t)
			child := exec.Command(os.Args[0], "-test.run=^TestSignals$")
			child.Env = append(os.Environ(), "TRAIN_TEST_SIGNAL="+r.Dir())
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
				t.Fatal(err)
			}
			if err := child.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			said, err := io.ReadAll(out)
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Wait(); err != nil {
				t.Error(err)
			}
			if step := stepOf(t, r); step < 10 || !strings.Contains(string(said), fmt.Sprintf("toy: interrupted; saved after step %d", step)) {
				t.Errorf("the checkpoint is of step %d; it said %s", step, said)
			}
			if _, err := os.Stat(filepath.Join(r.Dir(), "toy.safetensors")); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestClosedPipe closes the pipe that a child writes its progress to, as "| head" does. The training goes on to its end.
func TestClosedPipe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGPIPE on Windows")
	}
	config := toyConfig(60)
	config.SampleEvery = 0
	if dir := os.Getenv("TRAIN_TEST_PIPE"); dir != "" {
		defer SurviveClosedPipes()()
		m := newToy(openPortable(), 1, 8, 16)
		m.spoil = func(int, []float32) { time.Sleep(time.Millisecond) }
		_, err := Run(context.Background(), dir, m.task(), config, Options{Progress: os.Stderr})
		if err != nil {
			os.Exit(3)
		}
		os.Exit(0)
	}
	r := newRun(t)
	child := exec.Command(os.Args[0], "-test.run=^TestClosedPipe$")
	child.Env = append(os.Environ(), "TRAIN_TEST_PIPE="+r.Dir())
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	child.Stderr = out
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	out.Close()
	if _, err := io.ReadFull(in, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	if step := stepOf(t, r); step != 60 {
		t.Errorf("the checkpoint is of step %d, want 60", step)
	}
}

// TestSecondSignal ends a process at once that doesn't come to the end of its step.
func TestSecondSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process can't be sent an interrupt on Windows")
	}
	if os.Getenv("TRAIN_TEST_SECOND") != "" {
		ctx, stop := UntilSignal(context.Background())
		defer stop()
		fmt.Fprintln(os.Stdout, "ready")
		<-ctx.Done()
		time.Sleep(100 * time.Millisecond) // until signals are let through again
		fmt.Fprintln(os.Stdout, "again")
		time.Sleep(time.Minute)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestSecondSignal$")
	child.Env = append(os.Environ(), "TRAIN_TEST_SECOND=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		if err := child.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "interrupt") || time.Since(began) > 10*time.Second {
		t.Errorf("it ended after %v with %v", time.Since(began), err)
	}
}
