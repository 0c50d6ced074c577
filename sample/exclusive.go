package sample

import (
	"context"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// exclusive calls f while nothing else computes on the device, see [tensor.Device.Exclusive].
func exclusive[T any](ctx context.Context, d *tensor.Device, f func() (T, error)) (result T, err error) {
	err = d.Exclusive(ctx, func() (err error) {
		result, err = f()
		return err
	})
	return result, err
}

// checkDevice returns an error for a device that is nil.
func checkDevice(d *tensor.Device) error {
	if d == nil {
		return fault.Field("Device", nil, "must be an open device, not nil; see tensor.OpenDevice")
	}
	return nil
}
