package flows

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/zerotest"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestZeroValues calls everything that returns an error with nil devices, nil generators and zero values.
func TestZeroValues(t *testing.T) {
	d := tensor64(t)
	g := tensor.NewGenerator(1)
	zerotest.Refuses(t, "NewRealNVP", NewRealNVP, nil)
	zerotest.Refuses(t, "NewRealNVP without a device", NewRealNVP, map[int]any{1: DefaultConfig(4, 2), 2: g})
	zerotest.Refuses(t, "NewRealNVP without a configuration", NewRealNVP, map[int]any{0: d, 2: g})
	zerotest.Refuses(t, "NewRealNVP without a generator", NewRealNVP, map[int]any{0: d, 1: DefaultConfig(4, 2)})
	zerotest.Refuses(t, "OneHot", OneHot, nil)
	zerotest.Refuses(t, "OneHot of a wrong class", OneHot, map[int]any{0: d, 1: []int{3}, 2: 2})
	zerotest.Methods(t, &Config{})
	m, err := NewRealNVP(d, DefaultConfig(4, 2), g)
	if err != nil {
		t.Fatal(err)
	}
	zerotest.Methods(t, m)
}

func tensor64(t *testing.T) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice("cpu64", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}
