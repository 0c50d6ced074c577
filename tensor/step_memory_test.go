package tensor

import (
	"math"
	"runtime"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/testdevice/wanted"
)

// newNetwork has intermediate tensors of more elements than a task covers.
func newNetwork(d *Device) *trialModel { return newTrialModel(d, trialSize{6, 32, 16, 64}) }

// TestSameOnAnyNumberOfThreads compares losses and gradients bit by bit.
func TestSameOnAnyNumberOfThreads(t *testing.T) {
	for _, kernels := range []string{"portable", "avx2", "avx512", "neon"} {
		t.Run(kernels, func(t *testing.T) {
			var first []float32
			for threads := 1; threads <= 3; threads++ {
				d, err := OpenDevice("cpu", DeviceOptions{Threads: threads, Kernels: kernels})
				if err != nil {
					t.Skip(err)
				}
				defer d.Close()
				n := newNetwork(d)
				all := []float32{float32(n.step())}
				for i, p := range n.parameters() {
					if p.Grad() == nil {
						t.Fatalf("parameter %d has no gradient", i)
					}
					all = append(all, p.Grad().Values()...)
				}
				if threads == 1 {
					first = all
				}
				for i := range all {
					if math.Float32bits(all[i]) != math.Float32bits(first[i]) || all[i] != all[i] {
						t.Fatalf("number %d of %d is %g on one thread and %g on %d", i, len(all), first[i], all[i], threads)
					}
				}
			}
		})
	}
}

// TestKernelSetsAgree compares the losses and gradients of the kernel sets with float64.
func TestKernelSetsAgree(t *testing.T) {
	reference := newNetwork(float64Device(t))
	want := reference.step()
	eachKernelSet(t, 2, func(t *testing.T, d *Device) {
		n := newNetwork(d)
		if got := n.step(); !(math.Abs(got-want) <= 1e-5*math.Abs(want)) {
			t.Errorf("loss %g, want %g", got, want)
		}
		for i, p := range n.parameters() {
			worst, largest := difference(p.Grad().Values(), reference.parameters()[i].Grad().Values())
			if !(worst <= 1e-4*largest) {
				t.Errorf("gradient of parameter %d is off by %.2g where the largest is %.2g", i, worst, largest)
			}
		}
	})
}

// countingKernels counts the buffers that a device allocates.
type countingKernels struct {
	kernel.Device
	n int
}

func (k *countingKernels) Alloc(n int) kernel.Buffer {
	k.n++
	return k.Device.Alloc(n)
}

// TestStepsMakeNoGarbage bounds what a step allocates once its buffers are there, and what the arena holds.
func TestStepsMakeNoGarbage(t *testing.T) {
	if wanted.Device() == wanted.Emulated {
		t.Skip("an emulated GPU makes garbage of its own")
	}
	eachKernelSet(t, 2, func(t *testing.T, d *Device) {
		allocations := &countingKernels{Device: d.kernels}
		d.kernels = allocations
		n := newNetwork(d)
		for range 3 {
			n.step()
		}
		allocations.n = 0
		held := func() (buffers int) {
			for _, list := range d.idle.free {
				buffers += len(list.buffers)
			}
			return buffers
		}
		warm := held()
		const most = 96 << 10           // a quarter of a buffer of the network's feature maps
		least := uint64(math.MaxUint64) // since a thread that gets a kind of task for the first time needs memory for it
		for try := 0; try < 5 && least > most; try++ {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			const steps = 5
			for range steps {
				n.step()
			}
			runtime.ReadMemStats(&after)
			least = min(least, (after.TotalAlloc-before.TotalAlloc)/steps)
		}
		if got := held(); got != warm {
			t.Errorf("the arena went from %d buffers to %d", warm, got)
		}
		if allocations.n != 0 {
			t.Errorf("the steps allocate %d buffers", allocations.n)
		}
		if least > most {
			t.Errorf("a step allocates %d bytes", least)
		}
	})
}

// TestLeavesOfStepsAreRecycled has tensors made within a step that require a gradient.
func TestLeavesOfStepsAreRecycled(t *testing.T) {
	d := float64Device(t)
	values := make([]float32, 1<<16)
	step := func() {
		s := d.Record()
		defer s.End()
		x := d.From(values).SetRequiresGrad(true)
		x.Square().Sum().Backward()
		if x.Grad() == nil {
			t.Fatal("no gradient")
		}
	}
	step()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 10 {
		step()
	}
	runtime.ReadMemStats(&after)
	if perStep := (after.TotalAlloc - before.TotalAlloc) / 10; perStep > 8<<10 {
		t.Errorf("a step allocates %d bytes", perStep)
	}
}
