//go:build linux && (amd64 || arm64) && !nocuda

package tensor

import (
	"maps"
	"strings"
	"testing"

	"github.com/ebitengine/purego"

	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestAutoClosesARefusedGPU has a GPU on which all launches fail: the CPU is used, and the GPU is released.
func TestAutoClosesARefusedGPU(t *testing.T) {
	const launchFailed = 719
	functions, released := maps.Clone(emulator.Functions()), 0
	functions["cuLaunchKernel"] = purego.NewCallback(func(f, gx, gy, gz, bx, by, bz, shared, stream, params, extra uintptr) uintptr {
		return launchFailed
	})
	functions["cuDevicePrimaryCtxRelease_v2"] = purego.NewCallback(func(uintptr) uintptr {
		released++
		return 0
	})
	gpu, err := cuda.OpenWith(functions)
	if err != nil {
		t.Fatal(err)
	}
	d, err := chooseGPU(gpu, nil, DeviceOptions{}, kernel.Highest)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if !strings.HasPrefix(d.Name(), "cpu/") || !strings.Contains(d.Remark(), "cuLaunchKernel") {
		t.Errorf("device %s, remark %q", d.Name(), d.Remark())
	}
	if released != 1 {
		t.Errorf("the GPU was released %d times", released)
	}
}
