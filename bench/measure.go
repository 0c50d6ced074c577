package bench

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// warmUp is the number of iterations before the timed ones. Later iterations reuse the memory that they allocate.
const warmUp = 3

// task is a workload that is being measured.
type task struct {
	workload  workload
	device    *tensor.Device
	threads   int
	precision string
	counter   *counter
	step      func() error
	gpu       kernel.Accelerator // nil on the processor
	hasPeak   bool               // the high-water mark of the resident memory was reset for this workload
	times     []float64          // seconds of each iteration
	flops     float64            // of an iteration
	allocated uint64             // bytes, in all timed iterations
}

// prepare opens the device, builds a workload on it and warms it up.
func prepare(ctx context.Context, w workload, o Options) (*task, error) {
	debug.FreeOSMemory() // of the previous workload
	hasPeak := resetPeak()
	opened, err := tensor.OpenDevice(o.Device, tensor.DeviceOptions{Threads: o.Threads, Kernels: o.Kernels, Precision: o.Precision})
	if err != nil {
		return nil, err
	}
	t, err := prepareOn(ctx, opened, w)
	if err != nil {
		opened.Close()
		return nil, err
	}
	t.hasPeak = hasPeak
	return t, nil
}

// prepareOn builds a workload on a device and warms it up. The task closes the device.
func prepareOn(ctx context.Context, opened *tensor.Device, w workload) (*task, error) {
	t := &task{workload: w, threads: opened.Threads(), precision: opened.Precision(), counter: &counter{Device: engine.Kernels(opened)}}
	t.gpu = t.counter.Features().Accelerator
	t.device = engine.NewDevice(t.counter)
	var err error
	if t.step, err = w.prepare(t.device); err != nil {
		return nil, fmt.Errorf("%s: %w", w.name, err)
	}
	for range warmUp {
		if err := t.iterate(ctx); err != nil {
			return nil, err
		}
	}
	if t.gpu != nil {
		t.gpu.ResetPeak()
	}
	return t, nil
}

// close drops the workload's models and closes the device, which frees the memory of a GPU.
func (t *task) close() {
	t.step, t.device = nil, nil
	t.counter.Close()
}

// peakBytes is the highest memory in use: on a GPU since the warm-up, otherwise the resident memory of the process,
// preparation included; nil where the system doesn't report it.
func (t *task) peakBytes() *int64 {
	if t.gpu != nil {
		bytes := t.gpu.PeakBytes()
		return &bytes
	}
	if bytes, ok := peakBytes(); ok && t.hasPeak {
		return &bytes
	}
	return nil
}

// iterate runs one iteration and waits for the device.
func (t *task) iterate(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	before := t.counter.flops
	err := t.step()
	t.counter.Synchronize()
	t.flops = t.counter.flops - before
	return err
}

// run times iterations for about d, at least one.
func (t *task) run(ctx context.Context, d time.Duration) error {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for start := time.Now(); ; {
		began := time.Now()
		if err := t.iterate(ctx); err != nil {
			return err
		}
		t.times = append(t.times, time.Since(began).Seconds())
		if time.Since(start) >= d {
			break
		}
	}
	runtime.ReadMemStats(&after)
	t.allocated += after.TotalAlloc - before.TotalAlloc
	return nil
}

// Spread describes how long the timed iterations took.
type Spread struct {
	Seconds     float64 `json:"seconds"` // median
	SecondsMean float64 `json:"seconds_mean"`
	SecondsMin  float64 `json:"seconds_min"`
	SecondsQ1   float64 `json:"seconds_q1"`
	SecondsQ3   float64 `json:"seconds_q3"`
	Runs        int     `json:"runs"`
}

func spread(times []float64) Spread {
	sum := 0.0
	for _, t := range times {
		sum += t
	}
	return Spread{quantile(times, 0.5), sum / float64(len(times)), slices.Min(times), quantile(times, 0.25), quantile(times, 0.75), len(times)}
}

// quantile is the value below which a fraction p of at least one value lies, interpolated.
func quantile(values []float64, p float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := p * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}
