package tensor

import (
	"math"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/testdevice/testgpu"
)

func openProcessorToTest(t *testing.T) *Device {
	t.Helper()
	d, err := OpenDevice("cpu", DeviceOptions{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// small is the size of trials in tests, since the emulated GPU is slow.
var small = trialSize{n: 2, side: 8, wide: 4, channels: 4}

func TestTrialAcceptsAnEmulatedGPU(t *testing.T) {
	if err := agrees(newDevice(testgpu.Emulated(t)), openProcessorToTest(t), small, autoAgreement[kernel.Highest]); err != nil {
		t.Error(err)
	}
}

// faulty is a processor whose kernels have faults.
type faulty struct {
	kernel.Device
	gradient func(gk kernel.Buffer) // changes the gradient of an attention's keys
	rate     float64                // multiplies Adam's learning rate
	attend   float64                // is added to the scale of attention
	choose   int32                  // is added to the first choice
}

func (f *faulty) Attention(a kernel.Attention, q, k, v, keep, y, logSum kernel.Buffer) {
	a.Scale += f.attend
	f.Device.Attention(a, q, k, v, keep, y, logSum)
}

func (f *faulty) ArgMax(rows, n int, x, index kernel.Buffer) {
	f.Device.ArgMax(rows, n, x, index)
	kernel.Slice[int32](index)[0] += f.choose
}

func (f *faulty) AttentionGrad(a kernel.Attention, q, k, v, keep, y, logSum, gy, gq, gk, gv kernel.Buffer) {
	f.Device.AttentionGrad(a, q, k, v, keep, y, logSum, gy, gq, gk, gv)
	if f.gradient != nil {
		f.gradient(gk)
	}
}

func (f *faulty) AdamStep(a kernel.Adam, params []kernel.AdamParam) {
	a.LearningRate *= f.rate
	f.Device.AdamStep(a, params)
}

func TestTrialRefusesAFaultyDevice(t *testing.T) {
	reference := openProcessorToTest(t)
	for _, c := range []struct {
		fault faulty
		says  string
	}{
		{faulty{rate: 1}, ""},
		{faulty{rate: 1, gradient: func(gk kernel.Buffer) { kernel.Slice[float32](gk)[0] += 1 }}, "its gradient of an attention"},
		{faulty{rate: 1, gradient: func(gk kernel.Buffer) { kernel.Slice[float32](gk)[0] = float32(math.NaN()) }}, "its gradient of an attention is off by +Inf"},
		{faulty{rate: 1.5}, "its loss in step 2"},
		{faulty{rate: 1, attend: 0.01}, "its decoding"},
		{faulty{rate: 1, choose: 1}, "the choice of the largest"},
		{faulty{rate: 1, gradient: func(kernel.Buffer) { panic(&fault.OutOfMemory{Device: "cuda:0"}) }}, "cuda:0: out of memory"},
		{faulty{rate: 1, gradient: func(kernel.Buffer) { panic("a thing that can't be") }}, "a thing that can't be"},
	} {
		c.fault.Device = openProcessorToTest(t).kernels
		err := agrees(newDevice(&c.fault), reference, small, autoAgreement[kernel.Highest])
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("error %v, want one that says %q", err, c.says)
		}
	}
}
