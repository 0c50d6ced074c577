package models

import (
	"context"
	"errors"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Config returns the configuration of the model in a run folder. A run without the model is a [*fault.Missing].
func (k *Kind[C, M]) Config(dir string) (c C, err error) {
	r, err := run.Open(dir)
	if err != nil {
		return c, err
	}
	return c, r.Config(k.Name, &c)
}

// In reports whether a run folder has a trained or imported model of the kind.
func (k *Kind[C, M]) In(dir string) bool {
	r, err := run.Open(dir)
	return err == nil && r.HasWeights(k.Name)
}

// Open opens the model in a run folder, in evaluation mode and frozen, see [nn.Freeze]. A run without the model is a
// [*fault.Missing]. A configuration that is not valid, or that describes a larger model than the file of weights holds, is
// a [*fault.DamagedFile]: Open allocates at most a small multiple of the size of that file.
func (k *Kind[C, M]) Open(dir string, d *tensor.Device) (M, error) {
	return exclusive(d, func() (M, error) {
		m, err := k.load(dir, d)
		if err == nil {
			nn.Freeze(m)
		}
		return m, err
	})
}

// Load is Open without freezing the model. Use it to train another model on the outputs of this one: a frozen model is
// faster but rounds differently, and a resumed training needs the same numbers to the bit.
func (k *Kind[C, M]) Load(dir string, d *tensor.Device) (m M, err error) {
	return exclusive(d, func() (M, error) { return k.load(dir, d) })
}

// exclusive calls f while nothing else computes on the device.
func exclusive[M any](d *tensor.Device, f func() (M, error)) (m M, err error) {
	if err := require.Device(d); err != nil {
		return m, err
	}
	err = d.Exclusive(context.Background(), func() (err error) {
		m, err = f()
		return err
	})
	return m, err
}

func (k *Kind[C, M]) load(dir string, d *tensor.Device) (m M, err error) {
	r, err := run.Open(dir)
	if err != nil {
		return m, err
	}
	var c C
	if err := r.Config(k.Name, &c); err != nil {
		return m, err
	}
	file, err := r.ReadWeights(k.Name)
	if err != nil {
		return m, err
	}
	config := r.Path("config.json")
	limited(d, budget(file), func() { m, err = k.New(d, c, tensor.NewGenerator(0)) }, &err)
	switch {
	case errors.Is(err, errLarger):
		return m, fault.Damaged(config, "describes a %s with more parameters than %s holds; restore both files from a copy", k.Name, file.Path)
	case err != nil: // not a FieldError: the value is in a file, the caller didn't give it
		return m, fault.Damaged(config, "%s: %v; restore the file from a copy", k.Name, err)
	}
	if err := weights.Load(m, file, ""); err != nil {
		return m, err
	}
	m.SetTraining(false)
	return m, nil
}

// errLarger is the error of limited when the budget is exceeded.
var errLarger = errors.New("more parameters than there are weights")

// budget returns how many elements the construction of a model with these weights may allocate. Besides the parameters,
// these are temporary tensors of the initialisation and masks of attention.
func budget(file *safetensors.File) int {
	n := 0
	for _, name := range file.Names() {
		if t, err := file.Tensor(name); err == nil {
			n += t.Len()
		}
	}
	return 8*n + 16<<20
}

// limited calls f while the device allocates at most that many elements. An allocation beyond ends f with errLarger.
func limited(d *tensor.Device, elements int, f func(), err *error) {
	defer func() {
		switch failure := recover(); failure {
		case nil:
		case errLarger:
			*err = errLarger
		default:
			panic(failure)
		}
	}()
	engine.With(d, &limit{engine.Kernels(d), elements}, f)
}

// limit is a device that panics with errLarger when it has allocated a number of elements.
type limit struct {
	kernel.Device
	left int
}

// Alloc implements kernel.Memory.
func (l *limit) Alloc(n int) kernel.Buffer {
	l.take(n)
	return l.Device.Alloc(n)
}

// AllocInts implements kernel.Memory.
func (l *limit) AllocInts(n int) kernel.Buffer {
	l.take(n)
	return l.Device.AllocInts(n)
}

func (l *limit) take(n int) {
	if l.left -= n; l.left < 0 {
		panic(errLarger)
	}
}
