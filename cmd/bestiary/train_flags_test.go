package main

import (
	"reflect"
	"testing"

	"github.com/bestiary-ml/bestiary/train"
	"github.com/spf13/pflag"
)

// TestConfigFlags sets every field by its flag, whose default must not be that of another one.
func TestConfigFlags(t *testing.T) {
	c := train.DefaultConfig()
	fs := pflag.NewFlagSet("train", pflag.ContinueOnError)
	addConfigFlags(fs, &c)
	var args []string
	fs.VisitAll(func(f *pflag.Flag) {
		value := "7"
		switch f.Name {
		case "optimizer", "schedule":
			value = "x"
		case "decay-matrices", "nesterov":
			value = "true"
		}
		args = append(args, "--"+f.Name+"="+value)
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
		if reflect.DeepEqual(v.Field(i).Interface(), []int{7}) {
			continue
		}
		switch got := v.Field(i).Interface(); got {
		case 7, 7.0, uint64(7), "x", true:
		default:
			t.Errorf("%s is %v: no flag sets it", v.Type().Field(i).Name, got)
		}
	}
	fs = pflag.NewFlagSet("train", pflag.ContinueOnError)
	c = train.DefaultConfig()
	addConfigFlags(fs, &c)
	if err := fs.Parse([]string{"--lr", "0.25"}); err != nil || c.LearningRate != 0.25 || c.Batch != 32 {
		t.Error(c, err)
	}
}
