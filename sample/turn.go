package sample

import (
	"context"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Exclusive calls f while no pipeline uses the device, as the methods of pipelines do. f must not call methods of pipelines
// on this device, which would deadlock. A failure of the device within f becomes Exclusive's error.
func Exclusive(ctx context.Context, d *tensor.Device, f func() error) error {
	_, err := exclusive(ctx, d, func() (struct{}, error) { return struct{}{}, f() })
	return err
}
