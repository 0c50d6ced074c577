package train

import (
	"errors"
	"math"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/pages"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// deep is a stack of blocks of several pages each, between two layers that belong to none.
type deep struct {
	in, out *nn.Linear
	blocks  []*nn.Linear
	width   int
}

const deepBlocks = 4

func newDeep(d *tensor.Device) *deep {
	g := tensor.NewGenerator(3)
	m := &deep{width: 64, in: nn.NewLinear(d, toyInputs, 64, true, g)}
	for range deepBlocks {
		m.blocks = append(m.blocks, nn.NewLinear(d, m.width, m.width, true, g))
	}
	m.out = nn.NewLinear(d, m.width, 1, true, g)
	return m
}

func (m *deep) Visit(path string, f func(nn.Param)) {
	m.in.Visit(nn.Join(path, "in"), f)
	for i, b := range m.blocks {
		b.Visit(nn.Join(path, "blocks."+string(rune('0'+i))), nn.Within(b, f))
	}
	m.out.Visit(nn.Join(path, "out"), f)
}

func (m *deep) SetTraining(bool) {}

func (m *deep) forward(x *tensor.Tensor) *tensor.Tensor {
	h := m.in.Forward(x)
	for _, b := range m.blocks {
		h = b.Forward(nn.Enter(h, b)).Tanh()
	}
	return m.out.Forward(nn.Enter(h, nil))
}

// held is the share of the blocks' elements that can be read.
func (m *deep) held() float64 {
	read, all := 0, 0
	for _, b := range m.blocks {
		values := kernel.Slice[float32](engine.Data(b.Weight))
		for i := 0; i < len(values); i += 61 {
			if all++; readable(&values[i]) {
				read++
			}
		}
	}
	return float64(read) / float64(all)
}

// readable reports whether a number can be read and isn't NaN.
func readable(v *float32) (ok bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { ok = recover() == nil && ok }()
	return !math.IsNaN(float64(*v))
}

// trainDeep trains on n ranks and returns their models.
func trainDeep(t *testing.T, dir string, n int, c Config, o Options, change func(rank int, m *deep, task *Task[RowBatch])) (models []*deep, errs []error) {
	t.Helper()
	devices := make([]*tensor.Device, n)
	for i := range devices {
		devices[i] = openPortable()
	}
	return trainDeepOn(t, dir, devices, comm.Local(n), c, o, change)
}

// trainDeepOn is trainDeep on devices, a rank on each.
func trainDeepOn(t *testing.T, dir string, devices []*tensor.Device, groups []comm.Group, c Config, o Options, change func(rank int, m *deep, task *Task[RowBatch])) (models []*deep, errs []error) {
	t.Helper()
	n := len(devices)
	models, errs = make([]*deep, n), make([]error, n)
	var wait sync.WaitGroup
	for i, d := range devices {
		m := newDeep(d)
		rows, err := NewRows(toyRows(), toyInputs, nil, 8, false, 3)
		if err != nil {
			t.Fatal(err)
		}
		loss := func(b RowBatch) *tensor.Tensor {
			x := b.Tensor(d)
			return m.forward(x).Reshape(-1).Sub(x.Sum(1)).Square().Mean()
		}
		task := Task[RowBatch]{
			Model: "toy", Module: m, Source: rows,
			Loss: func(b RowBatch) (*tensor.Tensor, *Figures) { l := loss(b); return l, nil },
			Evaluate: func() (Metrics, error) {
				s := d.Scratch()
				defer s.End()
				return Metrics{"loss": m.forward(d.From(toyRows(), 50, toyInputs)).Square().Mean().Item()}, nil
			},
			Samples: func(string) error {
				if held := m.held(); held < 1 {
					t.Errorf("samples are drawn with %v of the parameters", held)
				}
				return errors.New("draws nothing")
			},
		}
		if models[i] = m; change != nil {
			change(i, m, &task)
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
	return models, errs
}

// TestDividedParameters divides the parameters of several blocks: losses are those of one process, an average and its best weights
// included, and other shards and numbers of ranks resume the checkpoint. Between uses a rank holds its part only.
func TestDividedParameters(t *testing.T) {
	if !pages.Supported {
		t.Skip(pages.ErrUnsupported)
	}
	smallBuckets(t)
	c := ranksConfig(20)
	c.EMA, c.Patience, c.SampleEvery, c.Clip, c.LearningRate = 0.9, 100, 10, 1, 0.002
	alone := filepath.Join(t.TempDir(), "alone")
	first, errs := trainDeep(t, alone, 1, c, Options{}, nil)
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	want := loggedDeep(t, alone)
	for n, ways := range map[int][][2]Shard{2: {{ShardParameters, ShardNone}}, 4: {{ShardParameters, ShardParameters}, {ShardGradients, ShardParameters}}} {
		for _, way := range ways {
			dir := filepath.Join(t.TempDir(), "together")
			half := c
			half.Steps = 10
			var lock sync.Mutex
			forward, between := 0.0, 0.0
			watch := func(rank int, m *deep, task *Task[RowBatch]) {
				loss, calls := task.Loss, 0
				task.Loss = func(b RowBatch) (*tensor.Tensor, *Figures) {
					l, f := loss(b)
					if calls++; calls == 5 { // the last block is kept for the backward pass
						lock.Lock()
						forward = max(forward, m.held())
						lock.Unlock()
					}
					return l, f
				}
				task.Before = func(step int) {
					if step == 5 {
						lock.Lock()
						between = max(between, m.held())
						lock.Unlock()
					}
				}
			}
			if _, errs := trainDeep(t, dir, n, half, Options{Shard: way[0]}, watch); errors.Join(errs...) != nil {
				t.Fatalf("%s, %d ranks: %v", way[0], n, errs)
			}
			if way[0] == ShardParameters {
				if most := 1 / float64(deepBlocks); forward > most || between > 0 { // a rank's part is in its home
					t.Errorf("%d ranks: a rank can read %.2f of the blocks after the forward pass and %.2f between steps, of %.2f and none", n, forward, between, most)
				}
			}
			models, errs := trainDeep(t, dir, 6-n, c, Options{Shard: way[1], Resume: true}, nil)
			if errors.Join(errs...) != nil {
				t.Fatalf("%s, resumed by %d ranks: %v", way[1], 6-n, errs)
			}
			if err := agreeWithin(want, loggedDeep(t, dir), 1e-5); err != nil {
				t.Errorf("%v, %d and %d ranks: %v", way, n, 6-n, err)
			}
			for i, m := range models {
				if nn.Checksum(m) != nn.Checksum(models[0]) {
					t.Errorf("%v: rank %d has other weights than rank 0", way, i)
				}
				largest, wants := 0.0, first[0].blocks[1].Weight.Values()
				for j, v := range m.blocks[1].Weight.Values() {
					largest = max(largest, math.Abs(float64(v-wants[j])))
				}
				if !(largest < 1e-4) {
					t.Errorf("%v: a weight is off by %v", way, largest)
				}
			}
		}
	}
}

// loggedDeep returns the losses of a run without the figures of the toy.
func loggedDeep(t *testing.T, dir string) (all []float64) {
	for _, v := range loggedLosses(t, dir) {
		if v != 0 {
			all = append(all, v)
		}
	}
	return all
}

// TestDividedParametersFail ends a training whose rank fails in the middle of a step, whose parameters stay usable memory, and refuses a
// device whose memory can't be given back.
func TestDividedParametersFail(t *testing.T) {
	if !pages.Supported {
		t.Skip(pages.ErrUnsupported)
	}
	c := ranksConfig(40)
	models, errs := trainDeep(t, filepath.Join(t.TempDir(), "run"), 2, c, Options{Shard: ShardParameters}, func(_ int, _ *deep, task *Task[RowBatch]) {
		loss, calls := task.Loss, 0
		task.Loss = func(b RowBatch) (*tensor.Tensor, *Figures) {
			l, f := loss(b)
			if calls++; calls == 12 {
				l = l.Scale(math.NaN())
			}
			return l, f
		}
	})
	for i, err := range errs {
		var diverged *Diverged
		if !errors.As(err, &diverged) || diverged.Step != 12 {
			t.Errorf("rank %d: %v", i, err)
		}
		_ = nn.Checksum(models[i]) // reads all
	}
	d := engine.NewDevice(elsewhere{engine.Kernels(openPortable())})
	task := Task[RowBatch]{Module: newDeep(d)}
	err := task.checkRanks(Options{Ranks: &Ranks{group: comm.Local(2)[0], timeout: time.Second}, Shard: ShardParameters}, c)
	if err == nil || !strings.Contains(err.Error(), "memory of cpu/portable can't be given back at fixed addresses; use gradients") {
		t.Errorf("%v", err)
	}
}

// elsewhere is a device whose memory isn't the program's.
type elsewhere struct{ kernel.Device }

func (e elsewhere) Features() kernel.Features {
	f := e.Device.Features()
	f.HostMemory, f.Regions = false, nil
	return f
}
