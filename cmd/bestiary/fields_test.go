package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
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
			t.Errorf("%v is told as %q, want %q", test.err, got, test.want)
		}
	}
}
