package train

import (
	"context"
	"errors"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// empty returns batches without rows.
type empty struct{ Source[RowBatch] }

func (empty) Next() (RowBatch, error) { return RowBatch{}, nil }

// TestIncompleteTasks checks that what a task lacks is an error that names the field.
func TestIncompleteTasks(t *testing.T) {
	for field, change := range map[string]func(*Task[RowBatch]){
		"Model":  func(k *Task[RowBatch]) { k.Model = "../toy" },
		"Module": func(k *Task[RowBatch]) { k.Module = nil },
		"Source": func(k *Task[RowBatch]) { k.Source = nil },
		"Loss":   func(k *Task[RowBatch]) { k.Loss = nil },
	} {
		task := newToy(openPortable(), 1, 8, 16).task()
		change(&task)
		_, err := Run(context.Background(), newRun(t).Dir(), task, toyConfig(9), Options{})
		var wrong *fault.FieldError
		if !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("got %v, want an error of %s", err, field)
		}
	}
	task := newToy(openPortable(), 1, 8, 16).task()
	task.Source = empty{task.Source}
	_, err := Run(context.Background(), newRun(t).Dir(), task, toyConfig(9), Options{})
	fails(t, err, "step 1", "empty batch")
}

// TestDeviceFailures checks that what kernels panic with is returned, and that nothing is saved then.
func TestDeviceFailures(t *testing.T) {
	r, m := newRun(t), newToy(openPortable(), 1, 8, 16)
	task := m.task()
	loss := task.Loss
	task.Loss = func(batch RowBatch) (*tensor.Tensor, *Figures) {
		if m.losses == 3 {
			panic(&fault.OutOfMemory{Device: "cpu/portable", Need: 1 << 40})
		}
		return loss(batch)
	}
	_, err := Run(context.Background(), r.Dir(), task, toyConfig(20), Options{})
	var full *fault.OutOfMemory
	if !errors.As(err, &full) || r.HasState("toy") {
		t.Errorf("got %v, want that memory is exhausted and nothing saved", err)
	}
}
