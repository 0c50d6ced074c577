package tensor

import (
	"fmt"
	"strings"
	"testing"
)

func TestOpenDevice(t *testing.T) {
	for _, c := range []struct{ name, kernels, want string }{
		{"tpu", "", "Device \"tpu\": must be auto, cpu"}, {"cuda:999", "", "use device cpu"}, {"cuda:x", "", "count from 0"},
		{"cuda", "portable", "must be cpu with Threads and Kernels"}, {"cpu", "sse", "Kernels \"sse\": must be auto, portable"},
	} {
		_, err := OpenDevice(c.name, DeviceOptions{Kernels: c.kernels})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("device %q with kernels %q: %v", c.name, c.kernels, err)
		}
	}
	if _, err := OpenDevice("cpu", DeviceOptions{Precision: "low"}); err == nil || !strings.Contains(err.Error(), "Precision \"low\": must be highest") {
		t.Errorf("precision low: %v", err)
	}
	if _, err := OpenDevice("cpu", DeviceOptions{Threads: 1 << 30}); err == nil || !strings.Contains(err.Error(), "Threads") {
		t.Errorf("a billion threads: %v", err)
	}
	d, err := OpenDevice("auto", DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	if got := d.Full(2, 1<<17).Sum().Item(); got != 1<<18 {
		t.Errorf("a closed device computes %g", got)
	}
	if got := fmt.Sprint(d.Zeros(2, 3)); got != "tensor[2 3] on "+d.Name() {
		t.Errorf("%q", got)
	}
}

// TestFreeze keeps a weight from gradients and from being set.
func TestFreeze(t *testing.T) {
	d, g := openProcessorToTest(t), NewGenerator(3)
	w, x := g.Normal(d, 3, 3, 2, 2).SetRequiresGrad(true), g.Normal(d, 1, 4, 4, 2).SetRequiresGrad(true)
	w.Freeze()
	s := d.Record()
	x.Conv2d(w, nil, StridePad(1, 1)).Sum().Backward()
	s.End()
	if w.Grad() != nil || x.Grad() == nil {
		t.Error("gradients flow to the frozen weight, or to nothing at all")
	}
	defer func() {
		if recover() == nil {
			t.Error("a frozen tensor can be set")
		}
	}()
	w.Set(make([]float32, w.Len()))
}
