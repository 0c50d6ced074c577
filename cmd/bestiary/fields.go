package main

import (
	"errors"
	"regexp"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/spf13/cobra"
)

// otherFlags are the flags of fields that have another name than the field in kebab case. A command has at most one of them.
var otherFlags = map[string][]string{
	"Candidates":   {"rank"},
	"Images":       {"image-columns"},
	"LearningRate": {"lr"},
	"N":            {"n"},
	"Path":         {"data"},
	"Share":        {"hold-out"},
	"Size":         {"image-size"},
	"Texts":        {"text-columns"},
	"Truncate":     {"truncate-captions"},
	"Versus":       {"vs"},
}

// explain returns the text of an error. If it wraps a [fault.FieldError], the fields are replaced by flags of the command.
func explain(c *cobra.Command, err error) string {
	text := err.Error()
	if c != nil && errors.Is(err, tokenizer.ErrTooLong) { // its remedy is a field, too
		text = strings.Replace(text, "Truncate", fieldFlag(c, "Truncate"), 1)
	}
	var wrong *fault.FieldError
	if c == nil || !errors.As(err, &wrong) {
		return text
	}
	said := *wrong
	said.Field = fieldFlag(c, said.Field)
	said.Want = fieldName.ReplaceAllStringFunc(said.Want, func(word string) string {
		if first := word[0]; first < 'A' || first > 'Z' {
			return word
		}
		return fieldFlag(c, word)
	})
	return strings.Replace(text, wrong.Error(), said.Error(), 1)
}

var (
	fieldName = regexp.MustCompile(`[A-Za-z0-9:]+`) // SEED of birds:SEED:N is no field
	wordStart = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)
)

// fieldFlag returns the flag of a field, "--text-len" for TextLen, or the field if the command has no such flag.
func fieldFlag(c *cobra.Command, field string) string {
	kebab := strings.ToLower(wordStart.ReplaceAllString(field, "$1$3-$2$4"))
	for _, name := range append([]string{kebab}, otherFlags[field]...) {
		switch flag := c.Flags().Lookup(name); {
		case flag == nil:
		case flag.Shorthand == name:
			return "-" + name
		default:
			return "--" + name
		}
	}
	return field
}

// invalid makes the error of a Validate method one about flags.
func invalid(err error) error {
	var wrong *fault.FieldError
	if errors.As(err, &wrong) {
		return err // explain does
	}
	return usagef("--%w", err)
}
