// Package require has checks of fields and arguments that several packages share. Each returns nil or a
// [*fault.FieldError].
package require

import (
	"strconv"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Builder checks the device that a model is to be built on, and the generator that initialises it, for nil.
func Builder(d *tensor.Device, g *tensor.Generator) error {
	if err := Device(d); err != nil {
		return err
	}
	if g == nil {
		return fault.Field("Generator", nil, "must not be nil; make one with tensor.NewGenerator")
	}
	return nil
}

// Device checks a device for nil.
func Device(d *tensor.Device) error {
	if d == nil {
		return fault.Field("Device", nil, "must not be nil; open one with tensor.OpenDevice")
	}
	return nil
}

// Size is an integer field with the values that it may have.
type Size struct {
	Field           string
	Value, Min, Max int
}

// Sizes checks that each value is from Min to Max, and returns the first error.
func Sizes(all ...Size) error {
	for _, s := range all {
		if s.Value < s.Min || s.Value > s.Max {
			return fault.Field(s.Field, s.Value, "must be %d to %d", s.Min, s.Max)
		}
	}
	return nil
}

// Dropout checks that a probability is at least 0 and below 1.
func Dropout(field string, p float64) error {
	if !(p >= 0 && p < 1) {
		return fault.Field(field, p, "must be a probability of 0 or more and below 1")
	}
	return nil
}

// Between checks that a number is from least to most.
func Between(field string, v, least, most float64) error {
	if !(v >= least && v <= most) {
		return fault.Field(field, v, "must be from %s to %s", number(least), number(most))
	}
	return nil
}

// number returns a number without an exponent: 1000000, 0.5.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// Positive checks that a number is above 0 and at most a million.
func Positive(field string, v float64) error {
	if !(v > 0 && v <= 1e6) {
		return fault.Field(field, v, "must be above 0 and at most 1000000")
	}
	return nil
}

// Parameters checks that the n parameters of a model are at most most; names are the fields that make it smaller.
func Parameters(field string, value any, n, most int, names string) error {
	if n > most {
		return fault.Field(field, value, "with %s makes %d million parameters; it must be at most %d million", names, n/1_000_000, most/1_000_000)
	}
	return nil
}
