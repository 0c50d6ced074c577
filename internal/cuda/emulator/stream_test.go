//go:build linux && (amd64 || arm64) && !nocuda

package emulator

import (
	"errors"
	"slices"
	"testing"
)

// TestStreams checks that work runs when it is waited for, also through another stream, and not before.
func TestStreams(t *testing.T) {
	var order []int
	work := func(n int) task { return task{run: func() error { order = append(order, n); return nil }} }
	a, b := &stream{}, &stream{}
	a.add(work(1))
	a.add(work(2))
	between := a.end()
	a.add(work(3))
	b.add(work(4))
	b.add(task{other: a, until: between})
	b.add(work(5))
	b.add(task{other: a, until: between}) // has been reached
	for _, step := range []struct {
		s     *stream
		until int
		want  []int
	}{
		{a, 0, nil}, {b, 1, []int{4}}, {b, b.end(), []int{4, 1, 2, 5}}, {a, a.end(), []int{4, 1, 2, 5, 3}}, {a, 1, []int{4, 1, 2, 5, 3}},
	} {
		if err := step.s.reach(step.until); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(order, step.want) {
			t.Fatalf("work was done in the order %v, want %v", order, step.want)
		}
	}
	failure := errors.New("no")
	a.add(task{run: func() error { return failure }})
	a.add(task{run: func() error { panic("never") }})
	b.add(task{other: a, until: a.end()})
	if err := b.reach(b.end()); !errors.Is(err, failure) {
		t.Errorf("a failure in another stream gave %v", err)
	}
	if err := a.reach(a.end()); err == nil || err.Error() != "never" {
		t.Errorf("a panic gave %v", err)
	}
}
