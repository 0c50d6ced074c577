package tensor

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/testdevice/wanted"
)

// newNetwork has intermediate tensors of more elements than a task covers.
func newNetwork(d *Device) *specimen { return newSpecimen(d, trialSize{6, 32, 16, 64}) }

// TestSameOnAnyNumberOfThreads compares losses and gradients bit by bit.
func TestSameOnAnyNumberOfThreads(t *testing.T) {
	for _, kernels := range []string{"portable", "avx2", "avx512"} {
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

// countingKernels counts the buffers that a device asks for.
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
			for _, list := range d.free {
				buffers += len(list)
			}
			return buffers
		}
		warm := held()
		const most = 64 << 10
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

func TestTensorsEndWithTheirStep(t *testing.T) {
	d := float64Device(t)
	x := d.From([]float32{1, 2, 3}).SetRequiresGrad(true)
	s := d.Record()
	y := x.Scale(2)
	kept, keptInts := y.Keep(), d.Ints([]int32{4, 5}).Keep()
	s.End()
	mustPanic(t, func() { y.Values() })
	mustPanic(t, func() { y.Add(x) })
	mustPanic(t, func() { x.Add(y) })
	mustPanic(t, func() { y.Keep() })
	mustPanic(t, s.End)

	for range 3 { // overwrite what was recycled
		s := d.Scratch()
		d.Full(9, 3)
		d.Ints([]int32{9, 9})
		s.End()
	}
	if got := kept.Values(); !slices.Equal(got, []float32{2, 4, 6}) {
		t.Errorf("kept %v", got)
	}
	if got := keptInts.IntValues(); !slices.Equal(got, []int32{4, 5}) {
		t.Errorf("kept %v", got)
	}
	if kept.RequiresGrad() {
		t.Error("what is kept must not require a gradient")
	}
}

func TestNestedSteps(t *testing.T) {
	d := float64Device(t)
	x := d.From([]float32{1, 2, 3}).SetRequiresGrad(true)
	outer := d.Record()
	h := x.Square()
	scratch := d.Scratch()
	aside := h.Scale(5)
	if aside.RequiresGrad() {
		t.Error("a scratch step records")
	}
	mustPanic(t, func() { aside.Sum().Backward() })
	scratch.End()

	inner := d.Record() // a step of its own, down to the outer one's tensor and no further
	mustPanic(t, func() { h.Sum().Detach().Backward() })
	h.Scale(3).Sum().Backward()
	if x.Grad() != nil {
		t.Error("the inner step has gone through the outer one's tape")
	}
	mustPanic(t, func() { h.BackwardFrom(d.Full(1, 3)) })
	inner.End()

	h.Sum().Backward()
	if got := x.Grad().Values(); !slices.Equal(got, []float32{8, 16, 24}) {
		t.Errorf("gradient %v, want that of 3h + h", got)
	}
	outer.End()
	if d.step != nil {
		t.Error("a step is open")
	}
}

// TestPanicsLeaveNothing panics within nested steps and finds memory and tape as after the first time.
func TestPanicsLeaveNothing(t *testing.T) {
	d := float64Device(t)
	x := d.Full(1, 3).SetRequiresGrad(true)
	fail := func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		outer := d.Record()
		defer outer.End()
		y := x.Square()
		d.Scratch() // ends with outer, since no defer ends it
		inner := d.Record()
		defer inner.End()
		y.Exp().Sum().Backward()
		d.Scratch()
		Checkpoint(func(h *Tensor) *Tensor { return h.Add(d.Zeros(4)) }, y, nil) // shapes don't match
	}
	state := func() [4]int {
		idle, spare := 0, 0
		for _, list := range d.free {
			idle += len(list)
		}
		for s := d.spare; s != nil; s = s.parent {
			spare++
			if len(s.tape) > 0 || len(s.owned) > 0 || s.used > 0 {
				t.Fatal("a closed step has a tape, memory or tensors")
			}
		}
		open := 0
		for s := d.step; s != nil; s = s.parent {
			open++
		}
		return [4]int{idle, spare, open, int(d.owner.Load())}
	}
	fail()
	want := state()
	for range 1000 {
		fail()
	}
	if got := state(); got != want || got[2] != 0 || got[3] != 0 {
		t.Errorf("idle buffers, closed steps, open steps and owner are %v, want %v", got, want)
	}
	x.ZeroGrad()
	s := d.Record()
	defer s.End()
	x.Square().Sum().Backward()
	if got := x.Grad().Values(); !slices.Equal(got, []float32{2, 2, 2}) {
		t.Errorf("gradient %v after panics", got)
	}
}

// TestOneGoroutineAtATime opens a step while another goroutine has one open, and after it has ended.
func TestOneGoroutineAtATime(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("goroutines can't be told apart on " + runtime.GOARCH)
	}
	d := float64Device(t)
	open := func() (failure any) {
		done := make(chan any)
		go func() {
			defer func() { done <- recover() }()
			d.Scratch().End()
		}()
		return <-done
	}
	s := d.Scratch()
	d.Scratch().End()
	if failure := open(); failure == nil || !strings.Contains(fmt.Sprint(failure), "one goroutine at a time") {
		t.Errorf("a second goroutine opens a step: %v", failure)
	}
	s.End()
	if failure := open(); failure != nil {
		t.Error(failure)
	}
}

func TestBackwardNeedsARecord(t *testing.T) {
	d := float64Device(t)
	x := d.From([]float32{1, 2, 3}).SetRequiresGrad(true)
	mustPanic(t, func() { x.Sum().Backward() }) // outside of steps
	for name, open := range map[string]func() *Step{"record": d.Record, "scratch": d.Scratch} {
		s := open()
		constant := d.From([]float32{1, 2}).Sum()
		mustPanic(t, constant.Backward)
		mustPanic(t, func() { x.Square().Backward() }) // not a single number
		if name == "scratch" {
			mustPanic(t, func() { x.Square().Sum().Backward() })
		} else {
			mustPanic(t, func() { x.Square().BackwardFrom(d.Zeros(2)) })
		}
		s.End()
	}
	if x.Grad() != nil {
		t.Error("a refused Backward left a gradient")
	}
}

func TestDetach(t *testing.T) {
	d := float64Device(t)
	x := d.From([]float32{1, 2, 3}).SetRequiresGrad(true)
	s := d.Record()
	defer s.End()
	h := x.Square()
	if h.Detach().RequiresGrad() {
		t.Error("a detached tensor requires a gradient")
	}
	h.Detach().Mul(h).Sum().Backward()
	if got := x.Grad().Values(); !slices.Equal(got, []float32{2, 16, 54}) { // x²·2x
		t.Errorf("gradient %v", got)
	}
	x.ZeroGrad()
	x.SetRequiresGrad(false)
	if x.Square().RequiresGrad() {
		t.Error("switched off, but recorded")
	}
}

func TestManyTensorsInAStep(t *testing.T) {
	d := float64Device(t)
	x := d.From([]float32{0}).SetRequiresGrad(true)
	for range 2 {
		s := d.Record()
		y := x
		for range 5 * slabSize {
			y = y.AddScalar(1)
		}
		if got := y.Item(); got != 5*slabSize {
			t.Errorf("%g additions, want %d", got, 5*slabSize)
		}
		y.Backward()
		s.End()
	}
	if got := x.Grad().Item(); got != 2 {
		t.Errorf("gradient %g, want 2", got)
	}
}

func TestOpenDevice(t *testing.T) {
	for _, c := range []struct{ name, kernels, want string }{
		{"tpu", "", "use auto, cpu"}, {"cuda:999", "", "use device cpu"}, {"cuda:x", "", "count from 0"}, {"cuda", "portable", "leave them out"}, {"cpu", "sse", "use auto, portable"},
	} {
		_, err := OpenDevice(c.name, DeviceOptions{Kernels: c.kernels})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("device %q with kernels %q: %v", c.name, c.kernels, err)
		}
	}
	if _, err := OpenDevice("cpu", DeviceOptions{Precision: "low"}); err == nil || !strings.Contains(err.Error(), "use highest") {
		t.Errorf("precision low: %v", err)
	}
	d, err := OpenDevice("auto", DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	if got := d.Full(2, 1<<17).Sum().Item(); got != 1<<18 {
		t.Errorf("a closed device computes %g", got)
	}
	if got := fmt.Sprint(d.Zeros(2, 3)); got != "tensor[2 3] on "+d.Name() {
		t.Errorf("%q", got)
	}
}

// TestFreeze keeps a weight from gradients and from being set.
func TestFreeze(t *testing.T) {
	d, g := openProcessorToTest(t), NewGenerator(3)
	w, x := g.Normal(d, 3, 3, 2, 2).SetRequiresGrad(true), g.Normal(d, 1, 4, 4, 2).SetRequiresGrad(true)
	w.Freeze()
	s := d.Record()
	x.Conv2d(w, nil, StridePad(1, 1)).Sum().Backward()
	s.End()
	if w.Grad() != nil || x.Grad() == nil {
		t.Error("gradients flow to the frozen weight, or to nothing at all")
	}
	defer func() {
		if recover() == nil {
			t.Error("a frozen tensor can be set")
		}
	}()
	w.Set(make([]float32, w.Len()))
}
