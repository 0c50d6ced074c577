package tensor

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
)

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
		for _, list := range d.idle.free {
			idle += len(list.buffers)
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
	open := func() error {
		done := make(chan error)
		go func() {
			var err error
			defer func() { done <- err }()
			defer fault.Catch(&err)
			d.Scratch().End()
		}()
		return <-done
	}
	s := d.Scratch()
	d.Scratch().End()
	var busy *fault.DeviceBusy
	if err := open(); !errors.As(err, &busy) || !strings.Contains(err.Error(), "one goroutine at a time") {
		t.Errorf("a second goroutine opens a step: %v", err)
	}
	s.End()
	if failure := open(); failure != nil {
		t.Error(failure)
	}
}
