package golden

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
)

// Numbers returns n numbers in [−1, 1) that scripts beside golden files compute too, so that weights need not be stored: a counter
// that starts at the FNV-1a hash of a name, hashed by SplitMix64.
func Numbers(name string, n int) []float32 {
	state := uint64(14695981039346656037)
	for _, b := range []byte(name) {
		state = (state ^ uint64(b)) * 1099511628211
	}
	out := make([]float32, n)
	for i := range out {
		state += 0x9E3779B97F4A7C15
		z := state
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		out[i] = float32(float64(z>>40)/(1<<23) - 1)
	}
	return out
}

// SampledGradients compares for each trained parameter the norm of the gradient with "norm.NAME" of a file, and some of its numbers,
// evenly spread, with "grad.NAME": relative to the largest, or to the root mean square of all if that is larger.
func SampledGradients(t testing.TB, m nn.Module, f *safetensors.File, tolerance func(path string) float64) {
	t.Helper()
	const samples = 16
	for _, p := range nn.Trainable(m) {
		all := weights.SaveAs(p, p.Path, p.Tensor.Grad()).F32
		norm, want := Floats(t, f, "norm."+p.Path), Floats(t, f, "grad."+p.Path)
		var some []float32
		square := 0.0
		for i, v := range all {
			if i%max(1, len(all)/samples) == 0 {
				some = append(some, v)
			}
			square += float64(v) * float64(v)
		}
		usual := norm[0] / float32(math.Sqrt(float64(len(all)))) // in the comparison, so that it is the least scale
		Near(t, "norm of the gradient of "+p.Path, []float32{float32(math.Sqrt(square))}, norm, 1e-4)
		Near(t, "gradient of "+p.Path, append(some, usual), append(want, usual), tolerance(p.Path))
	}
}
