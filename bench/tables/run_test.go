package tables

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/zerotest"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestRun measures a toy after a few steps, a tiny table of MAF, and refuses options that are not allowed.
func TestRun(t *testing.T) {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var out bytes.Buffer
	o := Options{Only: []string{"toy/mixture8", "maf/power/realnvp"}, Architectures: []string{"realnvp"}, Steps: 20, Data: "testdata"}
	if err := Run(t.Context(), d, o, &out); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"mixture8       realnvp", "entropy   8.2979", "power        realnvp", "NSF-C 0.64"} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("%q is missing in %s", words, out.String())
		}
	}
	for want, o := range map[string]Options{
		"Only": {Only: []string{"toys"}}, "Architectures": {Architectures: []string{"odd"}}, "Steps": {Steps: -1}, "Splits": {Splits: -1},
		"Data": {Data: "nowhere"}, "must hold folders": {Data: t.TempDir()},
	} {
		if err := Run(t.Context(), d, o, &out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", want, err)
		}
	}
	zerotest.Refuses(t, "Run", Run, nil)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Run(ended, d, Options{Only: []string{"toy/mixture2"}, Steps: 5}, &out); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}
