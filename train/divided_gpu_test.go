//go:build linux && (amd64 || arm64) && !nocuda

package train

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// most is the largest of what ranks measure.
type most struct {
	sync.Mutex
	bytes int
}

func (m *most) add(bytes int) {
	m.Lock()
	defer m.Unlock()
	m.bytes = max(m.bytes, bytes)
}

// TestDividedParametersOnGPUs trains on emulated GPUs with several shards, all with BESTIARY_LONG=1: losses are those of one, and the memory
// that the driver has given falls as ZeRO promises.
func TestDividedParametersOnGPUs(t *testing.T) {
	setBuckets(t, 4000)
	devices, _, taken := emulatedGPUsWithMemory(t, 4)
	constant := make([]int, len(devices)) // buffers for uploads
	for i, d := range devices {
		for range 8 {
			d.From(make([]float32, 600), 600)
		}
		engine.Kernels(d).Features().Regions.Trim()
		constant[i] = taken[i]()
	}
	c := ranksConfig(3)
	c.CheckpointEvery, c.Clip, c.LearningRate = 3, 1, 0.002
	var want []float64
	type run struct {
		n     int
		shard Shard
	}
	runs := []run{{1, ShardNone}, {4, ShardGradients}, {4, ShardParameters}}
	if os.Getenv("BESTIARY_LONG") != "" {
		runs = []run{
			{1, ShardNone}, {2, ShardNone}, {2, ShardOptimizer}, {2, ShardGradients}, {2, ShardParameters},
			{4, ShardNone}, {4, ShardOptimizer}, {4, ShardGradients}, {4, ShardParameters},
		}
	}
	bytes := map[run][2]int{}
	parameters, block := 0, 0 // bytes
	for _, run := range runs {
		var within, between most // after the forward pass, and after the step
		watch := func(rank int, m *deep, task *Task[RowBatch]) {
			loss, calls := task.Loss, 0
			task.Loss = func(b RowBatch) (*tensor.Tensor, *Figures) {
				l, f := loss(b)
				if calls++; calls == 3 {
					within.add(taken[rank]() - constant[rank])
				}
				return l, f
			}
			task.Before = func(step int) {
				switch step {
				case 2: // without what the start has left
					engine.Kernels(devices[rank]).Features().Regions.Trim()
				case 3:
					between.add(taken[rank]() - constant[rank])
				}
			}
			task.Evaluate, task.Samples = nil, nil
			parameters, block = 4*nn.Count(m), 4*nn.Count(m.blocks[0])
		}
		dir, groups := filepath.Join(t.TempDir(), "run"), comm.Local(1)
		if run.n > 1 {
			groups = onlyMessages(t, run.n)
		}
		fresh := make([]*tensor.Device, run.n) // without the buffers that a training before has left
		for i := range fresh {
			fresh[i] = engine.NewDevice(engine.Kernels(devices[i]))
		}
		_, errs := trainDeepOn(t, dir, fresh, groups, c, Options{Shard: run.shard}, watch)
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("%s, %d ranks: %v", run.shard, run.n, err)
		}
		bytes[run] = [2]int{between.bytes, within.bytes}
		t.Logf("%d ranks, %s: %d bytes between steps, %d after the forward pass", run.n, run.shard, between.bytes, within.bytes)
		if got := loggedDeep(t, dir); want == nil {
			want = got
		} else if err := agreeWithin(want, got, 1e-5); err != nil {
			t.Errorf("%d ranks, %s: %v", run.n, run.shard, err)
		}
	}
	unit := int(emulator.Granularity)
	block = (block + unit - 1) / unit * unit
	with, without := bytes[run{4, ShardParameters}], bytes[run{4, ShardGradients}]
	own := without[0] - parameters*3/4 // what stays if all that others own is away
	for i, taken := range with {       // three blocks, and parameters outside of blocks, keep their memory
		if most := own + 3*block + unit + 4<<10; taken < own || taken > most {
			t.Errorf("%d bytes are taken at place %d, want %d to %d", taken, i, own, most)
		}
	}
	if with[1] < own+block {
		t.Errorf("after the forward pass, %d bytes are taken, and the last block is not among them", with[1])
	}
}

// TestDividedParametersAreAway reads parameters between steps, of which a rank has its part only: the training ends, and its parameters are
// usable memory again.
func TestDividedParametersAreAway(t *testing.T) {
	setBuckets(t, 4000)
	devices, _ := emulatedGPUs(t, 2)
	c := ranksConfig(2)
	models, errs := trainDeepOn(t, filepath.Join(t.TempDir(), "run"), devices, onlyMessages(t, 2), c, Options{Shard: ShardParameters}, func(_ int, m *deep, task *Task[RowBatch]) {
		task.Before = func(step int) {
			if step == 2 {
				m.blocks[deepBlocks-1].Weight.Values()
			}
		}
	})
	for rank, err := range errs {
		var failed *fault.DeviceError
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), "are not allocated") {
			t.Errorf("rank %d: %v", rank, err)
		}
		_ = nn.Checksum(models[rank]) // reads all
	}
}
