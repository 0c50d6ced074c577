//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
)

// emulated is the emulated GPU.
func emulated(t *testing.T) *Device {
	t.Helper()
	d, err := OpenWith(emulator.Functions())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFill(t *testing.T) {
	d := emulated(t)
	x := d.Alloc(1000)
	d.Fill(x, 3)
	got := make([]float32, 1000)
	d.Download(got, x)
	for i, v := range got {
		if v != 3 {
			t.Fatal(i, v)
		}
	}
}
