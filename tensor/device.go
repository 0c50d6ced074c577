package tensor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/cpu"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Device is where tensors live and are computed: a processor or a GPU, its memory, and the steps that are open on it.
//
// A device serves one goroutine at a time. Goroutines that share a device take turns with [Device.Exclusive], as pipelines
// and trainings do; opening a step while another goroutine has one open panics. Models that compute at the same time need a
// device each.
//
// The device of a processor has worker goroutines, which live until [Device.Close]; a device that is never closed keeps them
// until the program ends.
type Device struct {
	kernels  kernel.Device
	features kernel.Features
	owner    atomic.Uintptr // goroutine that has steps open, 0 outside of steps
	step     *Step          // innermost open step, nil outside of steps
	spare    *Step          // closed steps, for reuse
	roots    uint64         // steps so far that record and are in no other that does
	idle     buffers
	remark   string
	opened   atomic.Uintptr // program counter where the owner opened its outermost step
	turn     turn

	group, evaluators comm.Group // ranks of the training or of the evaluation that is in progress; nil: none

	entered func(block any) // told which block of a model computes next; nil: nobody
	block   any             // the last one
}

// DeviceOptions say how a device computes. The zero value is right for most uses.
type DeviceOptions struct {
	Threads int    // number of threads that compute, 4096 at most; 0 or less is one per processor
	Kernels string // "", "auto", "portable", "avx2", "avx512" or "neon"

	// Precision is the lowest precision of matrix products, convolutions and attention of float32 tensors that is allowed, as in
	// PyTorch's set_float32_matmul_precision. "highest" (or "") is float32. "high" is TF32 on a GPU and, on the processor,
	// three products of operands that are split into two bfloat16 numbers. "medium" rounds operands to bfloat16 and sums in
	// float32; on the processor, it rounds only the weights where few rows are multiplied by frozen weights, since reading them
	// takes the time. The device uses the fastest arithmetic that is precise enough; see [Device.Precision].
	Precision string
}

// maxThreads bounds DeviceOptions.Threads.
const maxThreads = 4096

// processorOnly reports whether o has settings that only a processor has.
func (o DeviceOptions) processorOnly() bool {
	return o.Threads > 0 || o.Kernels != "" && o.Kernels != "auto"
}

// OpenDevice opens a device by name. "cpu" is the processor, "cuda" or "cuda:N" an NVIDIA GPU, and "cpu64" the processor with
// float64 elements and portable kernels, for checking gradients. "auto" or "" is the first GPU if there is one and its results in
// trials agree with the processor's. Otherwise, and with options that only a processor has, it is the processor; see
// [Device.Remark].
//
// The error is a [*fault.FieldError] for a name or an option that is not allowed; otherwise it says why a GPU can't be used.
// Close the device after use.
func OpenDevice(name string, o DeviceOptions) (*Device, error) {
	precision, err := kernel.ParsePrecision(o.Precision)
	if err != nil {
		return nil, fault.Field("Precision", strconv.Quote(o.Precision), "must be highest, high or medium")
	}
	if o.Threads > maxThreads {
		return nil, fault.Field("Threads", o.Threads, "must be %d at most; 0 is one per processor", maxThreads)
	}
	switch {
	case name == "cpu64":
		return newDevice(cpu.NewFloat64(o.Threads)), nil
	case name == "" || name == "auto":
		return openAuto(o, precision)
	case name == "cpu":
		return openProcessor(o, precision)
	case name == "cuda" || strings.HasPrefix(name, "cuda:"):
		return openGPU(name, o, precision)
	}
	return nil, fault.Field("Device", strconv.Quote(name), "must be auto, cpu, cuda or cuda:N")
}

func openProcessor(o DeviceOptions, precision kernel.Precision) (*Device, error) {
	level, err := kernelLevel(o.Kernels)
	if err != nil {
		return nil, err
	}
	return newDevice(cpu.New(level, o.Threads, precision)), nil
}

func openGPU(name string, o DeviceOptions, precision kernel.Precision) (*Device, error) {
	index := 0
	if _, number, ok := strings.Cut(name, ":"); ok {
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 {
			return nil, fault.Field("Device", strconv.Quote(name), "must have the number of a GPU after the colon; they count from 0")
		}
		index = n
	}
	if o.processorOnly() {
		return nil, fault.Field("Device", strconv.Quote(name), "must be cpu with Threads and Kernels, which are settings of the processor")
	}
	gpu, err := cuda.Open(index)
	if err != nil {
		return nil, fmt.Errorf("device %q: %w; use device cpu to compute on the processor", name, err)
	}
	gpu.SetPrecision(precision)
	return newDevice(gpu), nil
}

func kernelLevel(name string) (simd.Level, error) {
	best := simd.Detect()
	if name == "" || name == "auto" {
		return best, nil
	}
	for _, level := range simd.All {
		if level.String() != name {
			continue
		}
		if !slices.Contains(simd.Levels(), level) {
			return 0, fault.Field("Kernels", strconv.Quote(name), "must be one that this processor has; auto is the best, %v", best)
		}
		return level, nil
	}
	return 0, fault.Field("Kernels", strconv.Quote(name), "must be auto, portable, avx2, avx512 or neon")
}

// newDevice returns a device that computes with kernels.
func newDevice(kernels kernel.Device) *Device {
	return &Device{kernels: kernels, features: kernels.Features(), idle: buffers{free: map[int]*sizeList{}}, turn: turn{taken: make(chan struct{}, 1)}}
}

// Remark says why [OpenDevice] chose the processor for "auto" although there is a GPU. It is empty otherwise.
func (d *Device) Remark() string { return d.remark }

// Name returns the device and its kernel set: "cpu/avx512".
func (d *Device) Name() string { return d.kernels.Name() }

// Precision returns the precision of matrix products, convolutions and attention of float32 tensors. On a GPU it is that of
// [DeviceOptions]. On the processor it is the lowest that the options allow, if that is faster than float32 for some of them, and
// "highest" otherwise.
func (d *Device) Precision() string { return d.kernels.Features().Precision.String() }

// Close ends the device's worker goroutines. Its tensors stay usable, at the speed of one thread.
func (d *Device) Close() { d.kernels.Close() }

// Threads returns the number of threads that compute; it is 1 on a GPU.
func (d *Device) Threads() int { return d.features.Threads }
