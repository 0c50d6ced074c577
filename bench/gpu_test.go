//go:build linux && (amd64 || arm64) && !nocuda

package bench

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/engine"
)

// emulated prepares a workload on an emulated GPU.
func emulated(t *testing.T, w workload) *task {
	t.Helper()
	gpu, err := cuda.OpenWith(emulator.Functions())
	if err != nil {
		t.Fatal(err)
	}
	task, err := prepareOn(t.Context(), engine.NewDevice(gpu), w)
	if err != nil {
		t.Fatal(err)
	}
	return task
}

// TestGPU measures on an emulated GPU, in turns with a peer.
func TestGPU(t *testing.T) {
	t.Setenv(fakePython, "none")
	task := emulated(t, trainFlow("realnvp/train/b4", tinyFlow, 4))
	defer task.close()
	gpu := task.gpu
	t.Setenv(fakeCard, gpu.Card())
	launcher, err := findTorch(t.Context(), "torch", os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer launcher.close()
	var log bytes.Buffer
	r, err := task.measure(t.Context(), Options{Time: time.Nanosecond, Rounds: 2}, launcher, &log)
	if err != nil {
		t.Fatal(err)
	}
	if r.Device != "cuda:0" || r.GPU == "" || r.PeakGFlops != nil || r.PeakFraction != nil {
		t.Errorf("got %+v, want the GPU's name and no share of the processor's peak", r)
	}
	if r.PeakBytes == nil || *r.PeakBytes <= 0 || *r.PeakBytes != gpu.PeakBytes() {
		t.Errorf("a peak of %v bytes, want the %d of the GPU", r.PeakBytes, gpu.PeakBytes())
	}
	if v := r.Versus; v.GPU != r.GPU || v.BLAS != "cuda:0 highest eager" {
		t.Errorf("the peer computes elsewhere: %+v", v)
	}
	if want := "bench: realnvp/train/b4: CUDA graphs: "; !strings.HasPrefix(log.String(), want) || !strings.Contains(log.String(), " launches") {
		t.Errorf("got log %q, want %q", log.String(), want)
	}
}

// TestGPUMemory checks that the peak is that of the iterations, and that a workload's memory is released.
func TestGPUMemory(t *testing.T) {
	const n = 64
	task := emulated(t, gemm("gemm/64", n))
	if err := task.run(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	gpu, bytes := task.gpu, int64(4*n*n)
	if got := gpu.PeakBytes(); got < 3*bytes || got > 4*bytes {
		t.Errorf("a peak of %d bytes for three matrices of %d", got, bytes)
	}
	task.close()
	if gpu.ResetPeak(); gpu.PeakBytes() != 0 {
		t.Errorf("%d bytes are still in use after the workload", gpu.PeakBytes())
	}
}
