package maskgit

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/zerotest"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestZeroValues calls everything with nil devices, nil generators and zero values.
func TestZeroValues(t *testing.T) {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	g := tensor.NewGenerator(1)
	zerotest.Refuses(t, "New", New, nil)
	zerotest.Refuses(t, "New without a device", New, map[int]any{1: DefaultConfig(), 2: g})
	zerotest.Refuses(t, "New without a configuration", New, map[int]any{0: d, 2: g})
	zerotest.Refuses(t, "New without a generator", New, map[int]any{0: d, 1: DefaultConfig()})
	zerotest.Methods(t, &Config{})
	zerotest.Methods(t, &Options{})
}
