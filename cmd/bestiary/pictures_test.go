package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/spf13/cobra"
)

// TestPicturesAreNew checks when eval warns that pictures were used in training.
func TestPicturesAreNew(t *testing.T) {
	for _, test := range []struct {
		trained, measured string
		want              string
	}{
		{"trainval", "test", ""}, {"test", "trainval", ""}, {"seen", "unseen", ""},
		{"trainval", "trainval", "so these"}, {"all", "test", "so these"}, {"all", "unseen", "so these"},
		{"trainval", "all", "so some of these"}, {"seen", "test", "so some of these"}, {"trainval", "unseen", "so some of these"},
	} {
		c := &cobra.Command{}
		var printed bytes.Buffer
		c.SetErr(&printed)
		f := dataFlags{path: "cub", split: test.measured}
		f.notTrainedOn(c, data.Description{Path: "other", Split: "all"}, data.Description{Path: "cub", Split: test.trained})
		if got := printed.String(); test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("trained on %s, measured on %s: printed %q, want %q", test.trained, test.measured, got, test.want)
		}
	}
}

// TestDropInherited drops options of the run that the layout of --data doesn't have, and keeps those of the command line.
func TestDropInherited(t *testing.T) {
	wrong := fault.Field("Labels", "breed", "not available")
	for _, given := range []bool{false, true} {
		c := &cobra.Command{}
		labels := c.Flags().String("labels", "", "")
		if given {
			if err := c.Flags().Set("labels", "breed"); err != nil {
				t.Fatal(err)
			}
		}
		o := data.Options{Labels: data.Breed, Images: "png"}
		if dropped := dropInherited(c, &o, wrong); dropped == given || (o.Labels == "") == given || o.Images != "png" {
			t.Errorf("--labels %q: dropped %v, %+v", *labels, dropped, o)
		}
		o.Labels = ""
		if dropInherited(c, &o, wrong) {
			t.Error("dropped what isn't there")
		}
	}
}
