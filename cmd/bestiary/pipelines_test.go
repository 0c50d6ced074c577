package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/sample"
)

func TestRemedied(t *testing.T) {
	missing := func(model string) error { return &fault.Missing{Run: "runs/x", Model: model} }
	for _, test := range []struct {
		err  error
		want string
	}{
		{missing("flow"), `runs/x: has no trained flow yet; make it with "bestiary train flow --run runs/x"`},
		{fmt.Errorf("eval: %w", missing("clip")), `runs/x: has no trained clip yet; make it with "bestiary train clip --run runs/x"`},
		{missing("dvae"), `runs/x: has no trained dvae yet; make it with "bestiary train dvae --data PICTURES --out runs/x"`},
		{missing("tokenizer"), `runs/x: has no tokenizer; give it the one that its models were trained with: bestiary import --tokenizer FILE --out runs/x`},
		{errors.New("something else"), "something else"},
	} {
		if got := remedied(nil, test.err).Error(); got != test.want {
			t.Errorf("%v became %q, want %q", test.err, got, test.want)
		}
	}
}

// TestFlagsOfFields expects the command to name the flags of the pipelines' fields.
func TestFlagsOfFields(t *testing.T) {
	for want, err := range map[string]error{
		"--rank 3: must be from -n, which is 8, to 1000000, or 0 to draw no more than -n": sample.GenerateOptions{Prompts: []string{"a"}, N: 8, Candidates: 3}.Validate(),
		"--batch -1: must be from 1 to 1024, or 0 for 16":                                 sample.GenerateOptions{Prompts: []string{"a"}, Batch: -1}.Validate(),
	} {
		if got := explain(newGenerate(), err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
