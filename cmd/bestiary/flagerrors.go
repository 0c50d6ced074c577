package main

import (
	"errors"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// wantedValues says what the value of a flag must be, by the type of the flag.
var wantedValues = map[string]string{
	"bool":        "must be true or false",
	"int":         "must be a whole number, at most 18 digits long",
	"uint64":      "must be a whole number from 0 to 18446744073709551615",
	"float64":     "must be a number, such as 0.5 or 1e-4",
	"intSlice":    "must be whole numbers, separated by commas",
	"stringSlice": "must be names, separated by commas",
	"duration":    "must be a time with its unit, such as 3s or 500ms",
}

// flagError returns the usage error for a flag that cannot be parsed. pflag's own text quotes Go's functions.
func flagError(c *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return usagef("%w; see %s --help", err, c.CommandPath())
	}
	f := invalid.GetFlag()
	want := wantedValues[f.Value.Type()]
	if want == "" {
		want = "is not allowed; see " + c.CommandPath() + " --help"
	}
	name := "--" + f.Name
	if f.Shorthand == f.Name {
		name = "-" + f.Name
	}
	value := invalid.GetValue()
	if strings.TrimSpace(value) == "" {
		return usagef("%s: has no value; it %s", name, want)
	}
	return usagef("%s %s: %s", name, printable.Short(value), want)
}
