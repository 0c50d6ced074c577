package fault

import "fmt"

// OutOfMemory says that the memory of a device is not enough. Operations on tensors return no errors and panic with it;
// the pipelines of package sample and the loop of package train return it. See [Catch].
type OutOfMemory struct {
	Device            string // "cpu/avx512"
	Need              int    // bytes asked for
	Held, Idle        int    // bytes that this program holds, and those of them that are idle but too small here
	Available, Memory int    // bytes that the device has left, and in all
}

// Error implements error.
func (e *OutOfMemory) Error() string {
	const mib = 1 << 20
	idle := ""
	if e.Idle > 0 {
		idle = fmt.Sprintf(" (%.0f MiB of them idle)", float64(e.Idle)/mib)
	}
	return fmt.Sprintf("%s: out of memory: %.0f MiB more are needed, %.0f MiB are held%s and %.0f of %.0f MiB are free; "+
		"lower the batch size, the picture size or the model size, or recompute activations instead of keeping them",
		e.Device, float64(e.Need)/mib, float64(e.Held)/mib, idle, float64(e.Available)/mib, float64(e.Memory)/mib)
}

// DeviceError says that a GPU, its driver or one of its libraries failed. Operations on tensors panic with it, as with
// [OutOfMemory].
type DeviceError struct {
	Call string // the function that failed: "cuLaunchKernel"
	Code int    // its status: a CUresult or a cublasStatus_t
	Text string // what the driver says about the code
}

// Error implements error.
func (e *DeviceError) Error() string { return fmt.Sprintf("cuda: %s: %s", e.Call, e.Text) }

// DeviceBusy says that a goroutine opened a step on a device while another goroutine had one open. Opening a step panics
// with it; pipelines and trainings return it.
type DeviceBusy struct {
	Device string // "cpu/avx512"
	Opened string // the line of code that opened the other step: "loop.go:48 (main.train)"; "" if unknown
}

// Error implements error.
func (e *DeviceBusy) Error() string {
	where := ""
	if e.Opened != "" {
		where = ", opened at " + e.Opened
	}
	return fmt.Sprintf("tensor: another goroutine has a step open on %s%s; a device serves one goroutine at a time: compute within Device.Exclusive, "+
		"or use a device each; if that goroutine has ended without Step.End, call Device.EndSteps", e.Device, where)
}

// RanksError says that the ranks of a training can't exchange what they compute over a whole batch. Operations on tensors panic with it.
type RanksError struct{ Err error }

// Error implements error.
func (e *RanksError) Error() string { return "the ranks can't exchange data: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *RanksError) Unwrap() error { return e.Err }

// Catch turns a panic with an [*OutOfMemory], a [*DeviceError], a [*DeviceBusy] or a [*RanksError] into an error. Defer it in a function with a named
// error result:
//
//	func sample() (err error) {
//		defer fault.Catch(&err)
//		…
//	}
//
// Other panics continue.
func Catch(err *error) {
	switch failure := recover().(type) {
	case nil:
	case *OutOfMemory:
		*err = failure
	case *DeviceError:
		*err = failure
	case *DeviceBusy:
		*err = failure
	case *RanksError:
		*err = failure
	default:
		panic(failure)
	}
}
