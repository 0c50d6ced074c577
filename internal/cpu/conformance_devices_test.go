package cpu

import (
	"os"
	"strconv"
	"strings"
	"sync"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// testDevice is the environment variable that names the device whose kernels the conformance tests are to check: empty
// for every kernel set of this processor, cuda or cuda:N for a GPU, emulated for internal/cuda's kernels on an emulated one.
const testDevice = "BESTIARY_TEST_DEVICE"

var gpu = sync.OnceValues(func() (kernel.Device, error) {
	name := os.Getenv(testDevice)
	if name == "emulated" {
		return openEmulated()
	}
	index, _ := strconv.Atoi(strings.TrimPrefix(strings.TrimPrefix(name, "cuda"), ":"))
	return cuda.Open(index)
})

// devices returns the float32 devices to check.
func devices(t rapid.TB) []kernel.Device {
	if os.Getenv(testDevice) != "" {
		d, err := gpu()
		if err != nil {
			t.Fatalf("%s=%s: %v", testDevice, os.Getenv(testDevice), err)
		}
		return []kernel.Device{d}
	}
	var all []kernel.Device
	for level := simd.Portable; level <= simd.Detect(); level++ {
		all = append(all, New(level, 1, kernel.Highest))
	}
	return all
}
