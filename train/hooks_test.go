package train

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// withHooks gives a toy's task a state that counts batches and, by that, changes weights behind every third step. It
// notes the calls: s before step s, −s after it.
func withHooks(m *toy, calls *[]int) Task[RowBatch] {
	task := m.task()
	state := &struct{ Batches int }{}
	loss := task.Loss
	task.State = state
	task.Before = func(step int) { *calls = append(*calls, step) }
	var last []int // rows of the last batch
	task.Loss = func(batch RowBatch) (*tensor.Tensor, *Figures) {
		state.Batches++
		last = slices.Clone(batch.Indices)
		return loss(batch)
	}
	task.After = func(step int, batch RowBatch) {
		if !slices.Equal(batch.Indices, last) {
			panic("After has another batch than the last one of Loss")
		}
		*calls = append(*calls, -step)
		if step%3 == 0 {
			weight := nn.Trainable(m.net)[0].Tensor
			values := weight.Values()
			values[0] += float32(state.Batches) / 100
			weight.Set(values)
		}
	}
	return task
}

// TestHooksResume interrupts a training whose hooks and state matter, and compares it with one that went through.
func TestHooksResume(t *testing.T) {
	c := toyConfig(14)
	whole, broken := newToy(openPortable(), 1, 8, 16), newToy(openPortable(), 1, 8, 16)
	var calls, first, rest []int
	if _, err := Run(context.Background(), newRun(t).Dir(), withHooks(whole, &calls), c, Options{}); err != nil {
		t.Fatal(err)
	}
	if len(calls) != 28 || !slices.Equal(calls[:4], []int{1, -1, 2, -2}) {
		t.Errorf("hooks were called for %v", calls)
	}
	plain := newToy(openPortable(), 1, 8, 16)
	if _, err := Run(context.Background(), newRun(t).Dir(), plain.task(), c, Options{}); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(nn.Trainable(plain.net)[0].Tensor.Values(), nn.Trainable(whole.net)[0].Tensor.Values()) {
		t.Error("what After did to the weights is gone")
	}
	r := newRun(t)
	_, err := Run(broken.after(2*7), r.Dir(), withHooks(broken, &first), c, Options{})
	var stopped *Interrupted
	if !errors.As(err, &stopped) {
		t.Fatal(err)
	}
	resumed := newToy(openPortable(), 1, 8, 16)
	if _, err := Run(context.Background(), r.Dir(), withHooks(resumed, &rest), c, Options{Resume: true}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(append(first, rest...), calls) {
		t.Errorf("hooks were called for %v and %v", first, rest)
	}
	same(t, whole.net, resumed.net)
	task := withHooks(newToy(openPortable(), 1, 8, 16), &rest)
	task.State = &[]int{}
	_, err = Run(context.Background(), r.Dir(), task, c, Options{Resume: true})
	fails(t, err, r.StatePath("toy"), "state of the training", "resume with")
}
