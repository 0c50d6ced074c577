// Package require has checks of arguments that several packages share.
package require

import (
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Builder returns a [*fault.FieldError] if the device that a model is to be built on is nil, or the generator that
// initialises it.
func Builder(d *tensor.Device, g *tensor.Generator) error {
	if d == nil {
		return fault.Field("Device", nil, "must not be nil; open one with tensor.OpenDevice")
	}
	if g == nil {
		return fault.Field("Generator", nil, "must not be nil; make one with tensor.NewGenerator")
	}
	return nil
}
