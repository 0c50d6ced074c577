package train

import (
	"flag"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestFlags sets every field by its flag, which must not be the default of another one.
func TestFlags(t *testing.T) {
	c := DefaultConfig()
	fs := flag.NewFlagSet("train", flag.ContinueOnError)
	c.Flags(fs)
	var args []string
	fs.VisitAll(func(f *flag.Flag) {
		value := "7"
		switch f.Name {
		case "optimizer", "schedule":
			value = "x"
		case "decay-matrices":
			value = "true"
		}
		args = append(args, "-"+f.Name+"="+value)
		if f.Usage == "" {
			t.Errorf("--%s has no description", f.Name)
		}
	})
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		if v.Type().Field(i).Name == "Precision" { // the device's
			continue
		}
		switch got := v.Field(i).Interface(); got {
		case 7, 7.0, uint64(7), "x", true:
		default:
			t.Errorf("%s is %v: no flag sets it", v.Type().Field(i).Name, got)
		}
	}
	p := pflag.NewFlagSet("train", pflag.ContinueOnError)
	c = DefaultConfig()
	c.Flags(p)
	if err := p.Parse([]string{"--lr", "0.25"}); err != nil || c.LearningRate != 0.25 || c.Batch != 32 {
		t.Error(c, err)
	}
}

func TestBar(t *testing.T) {
	var out strings.Builder
	b := newBar(&out, 10, 100)
	b.step(40, "loss 0.5")
	b.say("held out")
	b.done()
	for _, want := range []string{"10%", "10/100", "40%", "loss 0.5", "held out\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
}
