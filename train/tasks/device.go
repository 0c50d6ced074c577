package tasks

import (
	"context"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/tensor"
)

// hold is the use of a device while a task is made: nothing else computes there, see [tensor.Device.Exclusive].
type hold struct {
	device  *tensor.Device
	release func()
}

// take waits for the device.
func take(ctx context.Context, d *tensor.Device) (*hold, error) {
	if err := require.Device(d); err != nil {
		return nil, err
	}
	h := &hold{device: d, release: func() {}}
	return h, h.yield(ctx)
}

// yield lets those compute who wait for the device.
func (h *hold) yield(ctx context.Context) error {
	h.end()
	release, err := engine.Acquire(ctx, h.device)
	if err == nil {
		h.release = release
	}
	return err
}

// end gives the device back.
func (h *hold) end() {
	h.release()
	h.release = func() {}
}
