//go:build linux && (amd64 || arm64) && !nocuda

package train

import (
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/testdevice/testgpu"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestOffloadFromGPU trains on the GPU that BESTIARY_TEST_DEVICE names, which may be the emulated one, with and without the moments on
// it: the losses and the weights are the same.
func TestOffloadFromGPU(t *testing.T) {
	gpu := testgpu.Wanted(t)
	if gpu == nil {
		t.Skip("BESTIARY_TEST_DEVICE names no GPU")
	}
	smallTrips(t)
	c := ranksConfig(4)
	c.Clip, c.EvalEvery = 0.5, 4
	var want []float64
	var first *sharedToy
	for _, offload := range []Offload{OffloadNone, OffloadOptimizer} {
		dir := filepath.Join(t.TempDir(), "run")
		errs, models := trainOn(t, dir, []*tensor.Device{engine.NewDevice(gpu)}, comm.Local(1), false, c, Options{Offload: offload}, nil)
		if errs[0] != nil {
			t.Fatal(errs[0])
		}
		got := loggedLosses(t, dir)
		if want == nil {
			want, first = got, models[0]
			continue
		}
		if err := agreeWithin(want, got, 1e-5); err != nil {
			t.Error(err)
		}
		if path := sameWithin(models[0], first, 1e-5); path != "" {
			t.Errorf("%s differs", path)
		}
	}
}
