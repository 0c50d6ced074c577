package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/spf13/cobra"
)

func TestExplain(t *testing.T) {
	c := &cobra.Command{}
	for _, name := range []string{"steps", "epochs", "lr", "text-len", "data", "hold-out", "seed", "kl-weight"} {
		c.Flags().Int(name, 0, "")
	}
	c.Flags().IntP("n", "n", 0, "")
	for _, test := range []struct {
		err  error
		want string
	}{
		{errors.New("Steps 3: this is no field error"), "Steps 3: this is no field error"},
		{fault.Field("Steps", 3, "can't be combined with Epochs; set one of them"), "--steps 3: can't be combined with --epochs; set one of them"},
		{fmt.Errorf("x.jpg: %w; see Steps", fault.Field("TextLen", 9, "must be 1 to 8")), "x.jpg: --text-len 9: must be 1 to 8; see Steps"},
		{fault.Field("LearningRate", nil, "must be above 0, as Share and StepsAway"), "--lr: must be above 0, as --hold-out and StepsAway"},
		{fault.Field("Path", "birds:x", "must be birds:SEED:N, with Steps"), "--data birds:x: must be birds:SEED:N, with --steps"},
		{fault.Field("N", 0, "must be 1 or more, also with KLWeight"), "-n 0: must be 1 or more, also with --kl-weight"},
		{fault.Field("Depth", 0, "must be 1 or more"), "Depth 0: must be 1 or more"},
	} {
		if got := explain(c, test.err); got != test.want {
			t.Errorf("%v is printed as %q, want %q", test.err, got, test.want)
		}
	}
}

// TestExplainTraining explains errors of commands that train.
func TestExplainTraining(t *testing.T) {
	dalle, clip := newTrainDALLE(), newTrainCLIP()
	for want, err := range map[string]error{
		"x: --dim 7: use (--heads) or --dim-head": fmt.Errorf("x: %w", fault.Field("Transformer.Dim", 7, "use (Heads) or DimHead")),
		`--text-len 8: a/Depth.jpg: its caption "A Depth, Heads" is too long; raise --text-len to 9`: fault.Field("TextLen", 8,
			`a/Depth.jpg: its caption "A Depth, Heads" is too long; raise TextLen to 9`),
		"--batch 1: must be 2 or more: Unknown and --steps.":             fault.Field("Batch", 1, "must be 2 or more: Unknown and Steps."),
		"dalle: interrupted; saved after step 3; continue with --resume": &train.Interrupted{Model: "dalle", Step: 3},
		"runs/x: holds a training of dalle already; continue it with --resume, choose another folder, or move dalle.state.safetensors and dalle.safetensors to another folder": &runfolder.InTraining{
			Run: "runs/x", Model: "dalle", State: true},
		"runs/x: holds a trained dalle already; continue it with --resume to train these weights further, choose another folder, or move dalle.safetensors to another folder": &runfolder.InTraining{
			Run: "runs/x", Model: "dalle"},
		"dalle: interrupted before its first step; nothing was saved, so start it again":                                 &train.Interrupted{Model: "dalle", Run: "runs/x"},
		"dalle: interrupted before its first step; runs/x is as it was and can be resumed again; continue with --resume": &train.Interrupted{Model: "dalle", Run: "runs/x", Began: true},
		"plain": errors.New("plain"),
	} {
		if got := explain(dalle, err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := explain(clip, fault.Field("Image.Depth", 0, "must be 1 or more")); got != "--image-depth 0: must be 1 or more" {
		t.Error(got)
	}
	for field, want := range map[string]string{
		"ImageSize": "image-size", "KLWeight": "kl-weight", "EMA": "ema", "FFMult": "ff-mult", "SmoothL1": "smooth-l1",
		"KeepMB": "keep-mb", "Beta2": "beta2", "SharedFF": "shared-ff", "Text.Dim": "text-dim", "KLSum": "kl-sum",
	} {
		if got := kebab(field); got != want {
			t.Errorf("%s is --%s, want --%s", field, got, want)
		}
	}
	for _, err := range []error{usagef("x"), fault.Field("Batch", 0, "x"), fmt.Errorf("y: %w", fault.Field("Batch", 0, "x"))} {
		if !isUsage(err) {
			t.Errorf("%v is not wrong usage", err)
		}
	}
	if isUsage(errors.New("x")) || isUsage(fault.Field("Data", nil, "other pictures")) {
		t.Error("what fails is wrong usage")
	}
}
