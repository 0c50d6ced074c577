package sample

import (
	"context"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/tensor"
)

// exclusive calls f while nothing else computes on the device, see [tensor.Device.Exclusive].
func exclusive[T any](ctx context.Context, d *tensor.Device, f func() (T, error)) (result T, err error) {
	if err := require.Device(d); err != nil { // a pipeline that is a zero value
		return result, err
	}
	err = d.Exclusive(ctx, func() (err error) {
		result, err = f()
		return err
	})
	return result, err
}

// errNoFunction is the error of Use with nil.
var errNoFunction = fault.Field("Function", nil, "must not be nil; give Use what to call")

// errNoPipeline is the error for a pipeline that is nil.
var errNoPipeline = fault.Field("Pipeline", nil, "must not be nil; open one, or make one of models")
