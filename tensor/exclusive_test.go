package tensor

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/fault"
)

// TestExclusive computes in several goroutines on one device. Calls within calls don't wait.
func TestExclusive(t *testing.T) {
	d := float64Device(t)
	x := d.Full(2, 3)
	inside := 0
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				err := d.Exclusive(t.Context(), func() error {
					inside++
					if inside != 1 {
						t.Error("two goroutines at once")
					}
					s := d.Scratch()
					defer s.End()
					runtime.Gosched()
					return d.Exclusive(t.Context(), func() error {
						defer func() { inside-- }()
						if got := x.Square().Sum().Item(); got != 12 {
							t.Errorf("%g, want 12", got)
						}
						return nil
					})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if d.step != nil || d.owner.Load() != 0 || d.turn.holder.Load() != 0 || len(d.turn.taken) != 0 {
		t.Error("the device is still taken")
	}
}

// TestExclusiveEndsSteps leaves steps open by a return, a panic and the end of the goroutine.
func TestExclusiveEndsSteps(t *testing.T) {
	d := float64Device(t)
	outer := d.Scratch()
	kept := d.Full(5, 2)
	for name, f := range map[string]func() error{
		"return": func() error { d.Record(); d.Scratch(); return nil },
		"panic":  func() error { d.Record(); panic("on purpose") },
	} {
		func() {
			defer func() { _ = recover() }()
			if err := d.Exclusive(t.Context(), f); err != nil {
				t.Error(err)
			}
		}()
		if d.step != outer || kept.Values()[1] != 5 {
			t.Errorf("%s: the step around is not the innermost one", name)
		}
	}
	outer.End()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = d.Exclusive(context.Background(), func() error { d.Record(); runtime.Goexit(); return nil })
	}()
	<-ended
	d.Scratch().End()
	if err := d.Exclusive(t.Context(), func() error { d.Scratch(); return errors.New("own") }); err == nil || err.Error() != "own" {
		t.Error(err)
	}
	d.Scratch().End()
}

// TestExclusiveWaits expects a call to end with its context, and failures of the device as errors.
func TestExclusiveWaits(t *testing.T) {
	d := float64Device(t)
	busy, release := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- d.Exclusive(context.Background(), func() error { close(busy); <-release; return nil })
	}()
	<-busy
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := d.Exclusive(ctx, func() error { t.Error("called"); return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := d.Exclusive(ctx, func() error { t.Error("called"); return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with an ended context: %v", err)
	}
	var full *fault.OutOfMemory
	if err := d.Exclusive(t.Context(), func() error { panic(&fault.OutOfMemory{}) }); !errors.As(err, &full) {
		t.Error(err)
	}
}

// TestEndSteps frees a device whose goroutine has ended within a step. The error before that says where it was opened.
func TestEndSteps(t *testing.T) {
	d := float64Device(t)
	x := d.Full(1, 3)
	ended, hold := make(chan struct{}), make(chan struct{})
	defer close(hold)
	go func() {
		d.Record()
		d.Scratch()
		x.Square()
		close(ended)
		<-hold // so that no new goroutine takes its place
	}()
	<-ended
	open := func() (err error) {
		defer fault.Catch(&err)
		d.Scratch().End()
		return nil
	}
	err := open()
	var busy *fault.DeviceBusy
	if !errors.As(err, &busy) || !strings.Contains(busy.Opened, "exclusive_test.go:") || !strings.Contains(busy.Opened, "TestEndSteps") {
		t.Fatalf("got %v", err)
	}
	for _, words := range []string{"opened at exclusive_test.go:", "Device.Exclusive", "Device.EndSteps"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("the error lacks %q: %v", words, err)
		}
	}
	d.EndSteps()
	if err := open(); err != nil {
		t.Error(err)
	}
	d.EndSteps() // nothing is open
	if d.step != nil || d.owner.Load() != 0 {
		t.Error("the device is still taken")
	}
}
