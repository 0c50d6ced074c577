package tensor

import (
	"fmt"
	"path"
	"path/filepath"
	"runtime"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Step is a scope for intermediate tensors: a training step, or an evaluation. End releases all of them to the device's pool.
// The same sequence of operations takes the same memory again, so a loop of steps makes next to no garbage. Steps may be
// nested; the innermost one records and owns.
//
// End a step with defer, so that a recovered panic leaves nothing behind:
//
//	step := d.Record()
//	defer step.End()
//	loss := model.Loss(batch)
//	loss.Backward()
type Step struct {
	device    *Device
	parent    *Step
	recording bool
	root      *Step                                                    // the outermost recording step around this one, or this one; nil if none records
	number    uint64                                                   // of a root, unique
	updater   func(leaf *Tensor) (kernel.Adam, kernel.AdamParam, bool) // updates weights within Backward; nil: none
	ready     func(leaf *Tensor)                                       // called within Backward for a leaf whose gradient is complete; nil: none
	owned     []kernel.Buffer
	tape      []node
	slabs     [][]Tensor
	used      int // tensors taken from the slabs
}

// node is an operation on the tape: back computes its inputs' gradients from those of its outputs, and adds them.
type node struct {
	outputs [2]*Tensor
	back    func()
}

const slabSize = 128

// Record opens a step that records operations for Backward. It panics with a [*fault.DeviceBusy] if another goroutine has
// a step open on d.
func (d *Device) Record() *Step { return d.open(true) }

// Scratch opens a step that records nothing. It panics as Record does.
func (d *Device) Scratch() *Step { return d.open(false) }

func (d *Device) open(recording bool) *Step {
	d.claim(4)
	s := d.spare
	if s == nil {
		s = &Step{device: d}
	} else {
		d.spare = s.parent
	}
	s.parent, s.recording, s.root, s.number, s.updater, s.ready = d.step, recording, nil, 0, nil, nil
	if s.parent != nil {
		s.root = s.parent.root
	}
	if s.root == nil && recording {
		d.roots++
		s.root, s.number = s, d.roots
	}
	d.step = s
	return s
}

// claim makes the calling goroutine the owner of d until its outermost step ends. skip is the number of callers between
// the code that opens the step and runtime.Callers.
func (d *Device) claim(skip int) {
	caller := goroutine()
	if d.owner.Load() == caller {
		return
	}
	if !d.owner.CompareAndSwap(0, caller) {
		panic(&fault.DeviceBusy{Device: d.Name(), Opened: lineOf(d.opened.Load())})
	}
	var opened [1]uintptr
	runtime.Callers(skip, opened[:])
	d.opened.Store(opened[0])
}

// lineOf returns the line of code of a program counter: "generate.go:48 (sample.(*TextToImage).generate)".
func lineOf(pc uintptr) string {
	if pc == 0 {
		return ""
	}
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	return fmt.Sprintf("%s:%d (%s)", filepath.Base(frame.File), frame.Line, path.Base(frame.Function))
}

// End closes the step. Its tensors must not be used any more. Steps within it that are still open, because a panic passed
// through them, end too. It panics if the step has ended already.
func (s *Step) End() {
	d := s.device
	for inner := d.step; inner != s; inner = inner.parent {
		if inner == nil {
			panic("tensor: End of a step that is not open")
		}
	}
	for d.step != s {
		d.step.end()
	}
	s.end()
	d.disown()
}

// end closes the innermost step.
func (s *Step) end() {
	d := s.device
	for i := range s.used {
		s.slabs[i/slabSize][i%slabSize].dropGrad()
	}
	clear(s.tape)
	s.tape = s.tape[:0]
	for _, b := range s.owned {
		d.give(b)
	}
	s.owned = s.owned[:0]
	for i := 0; i < s.used; i += slabSize {
		clear(s.slabs[i/slabSize]) // a tensor used after its step has no device and no data
	}
	s.used = 0
	d.step = s.parent
	s.parent, d.spare = d.spare, s
}

func (s *Step) newTensor() *Tensor {
	if s.used == len(s.slabs)*slabSize {
		s.slabs = append(s.slabs, make([]Tensor, slabSize))
	}
	t := &s.slabs[s.used/slabSize][s.used%slabSize]
	s.used++
	return t
}

// taping reports whether the current step records.
func (d *Device) taping() bool { return d.step != nil && d.step.recording }

// recording reports whether an operation on these inputs has to be recorded.
func (d *Device) recording(inputs ...*Tensor) bool {
	if d.step == nil || d.step.root == nil {
		return false
	}
	required := false
	for _, t := range inputs {
		if t != nil && t.requires {
			required = true
			if t.owner == nil {
				d.step.use(t)
			}
		}
	}
	return required && d.step.recording
}

// record puts an operation on the tape. Backward calls back if an output has received a gradient.
func (d *Device) record(back func(), outputs ...*Tensor) {
	n := node{back: back}
	copy(n.outputs[:], outputs)
	for _, t := range outputs {
		if t != nil {
			t.requires = true
		}
	}
	d.step.tape = append(d.step.tape, n)
}

// Backward computes the gradients of t, a single number, in every tensor that requires one, by reverse-mode automatic
// differentiation, and adds them to those that are there. It must be called in the step that recorded t, and panics
// otherwise.
func (t *Tensor) Backward() {
	if t.Len() != 1 {
		panic(fmt.Sprintf("tensor: Backward of %v, want a single number", t))
	}
	t.BackwardFrom(t.device.Full(1, t.Shape()...))
}

// BackwardFrom is Backward for a t of any shape, given the upstream gradient, of the same shape.
func (t *Tensor) BackwardFrom(upstream *Tensor) {
	s := t.device.step
	if s == nil || !s.recording || !t.requires || t.owner != s {
		panic("tensor: Backward of a tensor that was not recorded in the current step")
	}
	if upstream.Len() != t.Len() {
		panic(fmt.Sprintf("tensor: BackwardFrom %v with a gradient %v", t, upstream))
	}
	t.addGrad(func(dst kernel.Buffer) { t.kernels().Copy(kernel.Contiguous(t.Len()), dst, upstream.data) })
	for i := len(s.tape) - 1; i >= 0; i-- {
		n := &s.tape[i]
		if n.outputs[0].hasGrad || n.outputs[1] != nil && n.outputs[1].hasGrad {
			n.back()
			for _, out := range n.outputs {
				if out != nil {
					out.dropGrad()
				}
			}
		}
	}
}
