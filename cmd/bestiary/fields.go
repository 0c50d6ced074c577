package main

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/spf13/cobra"
)

// otherFlags are the flags of fields whose names are not those of the field in kebab case. A command has at most one of
// the flags of a field.
var otherFlags = map[string][]string{
	"Boxes.Sampled":     {"regions"},
	"Candidates":        {"rank"},
	"Augment":           {"discriminator-augment"},
	"As":                {"one-class"},
	"Annealing.Steps":   {"anneal-steps"},
	"DiscriminatorRate": {"discriminator-lr"},
	"Frozen":            {"freeze"},
	"GPUs":              {"gpus"},
	"Grow":              {"grow-augmentation"},
	"Floor":             {"temperature-floor"},
	"Condition":         {"condition", "given"},
	"EMADecay":          {"ema-decay"},
	"ImageCodes":        {"codes"},
	"Images":            {"image-columns"},
	"Kinds":             {"kind"},
	"LearningRate":      {"lr"},
	"MaxSide":           {"max-size"},
	"MinSide":           {"min-size"},
	"N":                 {"n"},
	"Path":              {"data"},
	"Peers":             {"vs"},
	"ReinMax":           {"reinmax"},
	"Share":             {"hold-out"},
	"Size":              {"image-size"},
	"Start":             {"temperature"},
	"TextTokens":        {"vocab-size"},
	"Texts":             {"text-columns"},
	"Timeout":           {"rank-timeout"},
	"Truncate":          {"truncate-captions"},
	"Versus":            {"vs"},
}

// explain returns the text of an error in the words of the command line. The fields of a [fault.FieldError] become flags
// of the command, and an error that has a remedy on the command line names it.
func explain(c *cobra.Command, err error) string {
	text := acceptable(err.Error(), err)
	if c == nil {
		return text
	}
	say := func(what error, instead string) { text = strings.Replace(text, what.Error(), instead, 1) }
	if errors.Is(err, tokenizer.ErrTooLong) { // its remedy is a field, too
		text = strings.Replace(text, "Truncate", fieldFlag(c, "Truncate"), 1)
	}
	var wrong *fault.FieldError
	if errors.As(err, &wrong) {
		said := *wrong
		said.Field, said.Want = fieldFlag(c, wrong.Field), withFlags(c, wrong.Want)
		if v := reflect.ValueOf(said.Value); v.Kind() == reflect.Slice { // as it is typed: 3,16,32
			said.Value = strings.Join(strings.Fields(strings.Trim(fmt.Sprint(said.Value), "[]")), ",")
		}
		say(wrong, said.Error())
	}
	if c.Flags().Lookup("resume") == nil {
		return text
	}
	var stopped *train.Interrupted
	if errors.As(err, &stopped) && (stopped.Step > 0 || stopped.Began) {
		say(stopped, stopped.Error()+"; continue with --resume")
	}
	var there *runfolder.InTraining
	if errors.As(err, &there) {
		say(there, strings.Replace(there.Error(), "resume it", "continue it with --resume", 1))
	}
	return text
}

// invalid makes the error of a Validate method one about flags.
func invalid(err error) error {
	var wrong *fault.FieldError
	if err == nil || errors.As(err, &wrong) {
		return err // explain does
	}
	return usagef("--%w", err)
}

var (
	fieldName = regexp.MustCompile(`[A-Za-z0-9:./]+`) // SEED of birds:SEED:N and parts of paths are no fields
	wordStart = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)
)

// withFlags replaces the fields in a sentence by flags of the command. Quoted text, such as a caption, stays as it is.
func withFlags(c *cobra.Command, sentence string) string {
	parts := strings.Split(sentence, `"`)
	for i := 0; i < len(parts); i += 2 {
		parts[i] = fieldName.ReplaceAllStringFunc(parts[i], func(word string) string {
			field := strings.TrimRight(word, ":.")
			if field == "" || field[0] < 'A' || field[0] > 'Z' {
				return word
			}
			return fieldFlag(c, field) + word[len(field):]
		})
	}
	return strings.Join(parts, `"`)
}

// fieldFlag returns the flag of a field, "--text-len" for TextLen, or the field if the command has no such flag. A field
// of a field is tried as a whole, Text.Dim as --text-dim, and then by its own name, Transformer.Dim as --dim.
func fieldFlag(c *cobra.Command, field string) string {
	own := field[strings.LastIndexByte(field, '.')+1:]
	names := append([]string{kebab(field)}, otherFlags[field]...)
	names = append(append(names, kebab(own)), otherFlags[own]...)
	for _, name := range names {
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

// kebab returns the name of a field in kebab case: "kl-weight" for KLWeight, "text-dim" for Text.Dim.
func kebab(field string) string {
	return strings.ToLower(wordStart.ReplaceAllString(strings.ReplaceAll(field, ".", ""), "$1$3-$2$4"))
}
