//go:build linux && (amd64 || arm64) && !nocuda

package train

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/dynamic"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/nccl"
	"github.com/bestiary-ml/bestiary/internal/nccl/standin"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// emulatedGPUs returns n emulated GPUs and the stand-in for NCCL, whose operations run in the GPUs' streams.
func emulatedGPUs(t *testing.T, n int) ([]*tensor.Device, standin.Controls) {
	t.Helper()
	devices, s, _ := emulatedGPUsWithMemory(t, n)
	return devices, s
}

// emulatedGPUsWithMemory also returns, for each GPU, what tells the bytes that its driver has given away.
func emulatedGPUsWithMemory(t *testing.T, n int) ([]*tensor.Device, standin.Controls, []func() int) {
	t.Helper()
	folder := t.TempDir()
	path, err := standin.Build(folder, "23007")
	if errors.Is(err, standin.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(nccl.Variable, path)
	s, err := standin.Control(path, folder)
	if err != nil {
		t.Fatal(err)
	}
	before := emulator.Granularity
	emulator.Granularity = uintptr(os.Getpagesize()) // the tests' blocks are small
	t.Cleanup(func() { emulator.Granularity = before })
	devices, queues, taken := make([]*tensor.Device, n), make([]func(stream uintptr, run func()), n), make([]func() int, n)
	for i := range devices {
		functions, queue := emulator.Another(i)
		functions["cuCtxSetCurrent"] = s.Address("standin_use") // so that the stand-in knows the GPU of the thread
		gpu, err := cuda.OpenWith(functions)
		if err != nil {
			t.Fatal(err)
		}
		devices[i], queues[i] = engine.NewDevice(gpu), queue
		taken[i] = func() int {
			available, total := new(uint64), new(uint64)
			dynamic.Call(functions["cuMemGetInfo_v2"], uintptr(unsafe.Pointer(available)), uintptr(unsafe.Pointer(total)))
			return int(*total - *available)
		}
	}
	s.Queue(func(gpu int, stream uintptr, run func()) { queues[gpu](stream, run) })
	return devices, s, taken
}

// TestNCCL trains on two emulated GPUs, joined by a stand-in for NCCL: the losses are those of one. The emulated GPUs run work only
// when the program waits for it, so an operation that isn't ordered after the kernels before it gets other numbers.
func TestNCCL(t *testing.T) {
	smallBuckets(t)
	devices, s := emulatedGPUs(t, 2)
	c := ranksConfig(3)
	c.Clip, c.EMA = 0.5, 0.9
	alone := map[bool]string{}
	for _, joint := range []bool{false, true} {
		alone[joint] = filepath.Join(t.TempDir(), "alone")
		if errs, _ := trainOn(t, alone[joint], devices[:1], comm.Local(1), joint, c, Options{}, nil); errs[0] != nil {
			t.Fatal(errs[0])
		}
	}
	for _, test := range []struct {
		shard  Shard
		reduce Reduce
		joint  bool // the loss exchanges something through the program's memory, too
		groups []comm.Group
	}{
		{ShardNone, "", false, onlyMessages(t, 2)}, {ShardOptimizer, "", false, onlyMessages(t, 2)}, {ShardGradients, "", false, onlyMessages(t, 2)},
		{ShardParameters, "", true, comm.Local(2)},
		{ShardNone, ReduceBfloat16, false, onlyMessages(t, 2)}, {ShardGradients, ReduceBfloat16, false, onlyMessages(t, 2)},
	} {
		dir := filepath.Join(t.TempDir(), "together")
		var printed progress
		errs, models := trainOn(t, dir, devices, test.groups, test.joint, c, Options{Shard: test.shard, Reduce: test.reduce, Progress: &printed}, nil)
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("%s: %v", test.shard, err)
		}
		want := loggedLosses(t, alone[test.joint])
		if test.reduce == ReduceBfloat16 { // then those of two processors
			inMemory := filepath.Join(t.TempDir(), "processors")
			if errs, _ := trainRanks(t, inMemory, 2, false, c, Options{Shard: test.shard, Reduce: test.reduce}, nil); errors.Join(errs...) != nil {
				t.Fatal(errs)
			}
			want = loggedLosses(t, inMemory)
		}
		if err := agreeWithin(want, loggedLosses(t, dir), 1e-5); err != nil {
			t.Errorf("%s, %s: %v", test.shard, test.reduce, err)
		}
		if nn.Checksum(models[0]) != nn.Checksum(models[1]) {
			t.Errorf("%s: the ranks have other weights", test.shard)
		}
		if !strings.Contains(printed.String(), "on 2 ranks, each on cuda:0, joined by NCCL 2.30.7\n") {
			t.Errorf("%s: prints\n%s", test.shard, printed.String())
		}
	}
	dir := filepath.Join(t.TempDir(), "resumed") // by other numbers of GPUs, with other shards
	for steps, part := range []struct {
		n       int
		shard   Shard
		offload Offload
	}{{2, ShardParameters, ""}, {1, ShardNone, ""}, {2, ShardParameters, OffloadOptimizer}} {
		c := c
		c.Steps = steps + 1
		errs, _ := trainOn(t, dir, devices[:part.n], comm.Local(part.n), false, c, Options{Shard: part.shard, Offload: part.offload, Resume: steps > 0}, func(_ int, task *Task[RowBatch]) {
			if steps < 2 { // that of one GPU is evaluated at its end
				task.Evaluate = nil
			}
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("%s, resumed: %v", part.shard, err)
		}
	}
	if err := agreeWithin(loggedLosses(t, alone[false]), loggedLosses(t, dir), 1e-5); err != nil {
		t.Errorf("resumed: %v", err)
	}
	s.Fail("ncclCommInitRankConfig", 5) // as with two ranks on one GPU
	defer s.Fail("", 0)
	dir = filepath.Join(t.TempDir(), "refused")
	var printed progress
	errs, _ := trainOn(t, dir, devices, comm.Local(2), false, c, Options{Shard: ShardParameters, Progress: &printed}, nil)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if err := agreeWithin(loggedLosses(t, alone[false]), loggedLosses(t, dir), 1e-5); err != nil {
		t.Errorf("through the program's memory: %v", err)
	}
	if !strings.Contains(printed.String(), "program's memory: rank 0 can't join its device to the others: ") || !strings.Contains(printed.String(), "invalid usage") {
		t.Errorf("prints\n%s", printed.String())
	}
}
