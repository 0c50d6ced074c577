package sample

import (
	"context"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/tensor"
)

// exclusive calls f while no other pipeline uses the device. It returns early if the context ends before that, and turns
// failures of the device within f into errors.
func exclusive[T any](ctx context.Context, d *tensor.Device, f func() (T, error)) (result T, err error) {
	defer fault.Catch(&err)
	if err := ctx.Err(); err != nil {
		return result, err
	}
	turn := engine.Turn(d)
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return result, ctx.Err()
	}
	return f()
}

// checkDevice returns an error for a device that is nil.
func checkDevice(d *tensor.Device) error {
	if d == nil {
		return fault.Field("Device", nil, "must be an open device, not nil; see tensor.OpenDevice")
	}
	return nil
}
