package tensor

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// network is a small model that uses every kind of operation, for tests of what goes on around operations.
type network struct {
	d                                   *Device
	conv, up, dense, bias, scale, shift *Tensor
	images                              *Tensor
	labels, order                       *Tensor
	columns                             CouplingColumns
	running                             Running
	g                                   *Generator
}

func newNetwork(d *Device) *network {
	g := NewGenerator(11)
	leaf := func(shape ...int) *Tensor { return g.Normal(d, shape...).Scale(0.2).SetRequiresGrad(true) }
	n := &network{
		d: d, g: g, conv: leaf(4, 4, 3, 24), up: leaf(4, 4, 3, 24), dense: leaf(24, 40), bias: leaf(40), scale: leaf(24), shift: leaf(24),
		images: g.Normal(d, 6, 32, 32, 3),
	}
	n.labels = d.Ints([]int32{0, 3, -1, 39, 2, 2})
	n.order = d.Ints(g.Permutation(40))
	n.columns = NewCouplingColumns(d, 40, []int{0, 1, 2, 3, 5, 8, 9, 10, 13, 14, 20, 21, 22, 23, 24, 30, 31, 37, 38, 39})
	n.running = Running{Mean: d.Zeros(40), Variance: d.Zeros(40), Weight: 0.1}
	return n
}

func (n *network) parameters() []*Tensor {
	return []*Tensor{n.conv, n.up, n.dense, n.bias, n.scale, n.shift}
}

// loss goes forward; the intermediate tensors have more elements than a task covers.
func (n *network) loss() *Tensor {
	h := n.images.Conv2d(n.conv, nil, Square(2, 1))                                        // [6, 16, 16, 24]
	h, _, _ = h.BatchNorm(n.scale, n.shift, BatchNormOptions{Eps: 1e-5, Act: LeakyReLU02}) // [24]
	h = h.Dropout(0.1, n.g)
	back := h.ConvTranspose2d(n.up, nil, Square(2, 1)).Tanh()                   // [6, 32, 32, 3]
	tokens := h.Reshape(6, 256, 24).LayerNorm(nil, nil, 1e-5).GELU()            // [6, 256, 24]
	attention := tokens.MatMulT(tokens).Scale(0.2).Softmax(-1).MatMul(tokens)   // [6, 256, 24]
	pooled := attention.Add(tokens).Mean(1).Linear(n.dense, n.bias, SigmoidAct) // [6, 40]
	mixed := pooled.Gather(1, n.order)
	seen := mixed.CouplingInput(n.columns, pooled)                                                                            // [6, 60]
	coupled, logDet := mixed.AffineCoupling(n.columns, seen.Slice(1, 10, 50), CouplingOptions{Bounded: true, Order: n.order}) // [6, 40]
	coupled, normDet := coupled.FlowNorm(n.bias, n.bias, n.running, true, 0.1, nil)
	loss := coupled.CrossEntropy(n.labels).Mean()
	loss = loss.Add(back.MSELoss(n.images)).Add(tokens.SmoothL1Loss(attention, 0.5).Reshape()).Sub(logDet.Mean()).Sub(normDet.Reshape())
	return loss.Add(n.images.Transpose(1, 2).Sub(back).Abs().Div(back.Square().AddScalar(1)).Mean())
}

// step is a step of training, up to the gradients.
func (n *network) step() float64 {
	s := n.d.Record()
	defer s.End()
	for _, p := range n.parameters() {
		p.ZeroGrad()
	}
	loss := n.loss()
	loss.Backward()
	return loss.Item()
}

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
			got, want := p.Grad().Values(), exact(reference.parameters()[i].Grad())
			largest, worst := 0.0, 0.0
			for j, v := range want {
				largest, worst = max(largest, math.Abs(v)), max(worst, math.Abs(v-float64(got[j])))
			}
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
		var before, after runtime.MemStats
		warm := held()
		runtime.ReadMemStats(&before)
		const steps = 10
		for range steps {
			n.step()
		}
		runtime.ReadMemStats(&after)
		if got := held(); got != warm {
			t.Errorf("the arena went from %d buffers to %d", warm, got)
		}
		if allocations.n != 0 {
			t.Errorf("the steps allocate %d buffers", allocations.n)
		}
		if perStep := (after.TotalAlloc - before.TotalAlloc) / steps; perStep > 32<<10 {
			t.Errorf("a step allocates %d bytes", perStep)
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
	mustPanic(t, outer.End)
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
	d, err := OpenDevice("cpu", DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	g := NewGenerator(3)
	w, x := g.Normal(d, 3, 3, 2, 2).SetRequiresGrad(true), g.Normal(d, 1, 4, 4, 2).SetRequiresGrad(true)
	w.Freeze()
	s := d.Record()
	x.Conv2d(w, nil, Square(1, 1)).Sum().Backward()
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
