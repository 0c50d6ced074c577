package conv

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestWinogradNaN checks that a NaN in an operand reaches all results that depend on it, and no others than kernel.Conv allows.
func TestWinogradNaN(t *testing.T) {
	known := references{}
	eachArithmetic(t, 0, func(t *testing.T, all []*Engine) {
		p := all[0]
		rng := rand.New(rand.NewPCG(13, 14))
		for i := range 4 {
			c := wideConv(3 + i%2)
			x, y, w := cputest.Noise(rng, c.N*c.H*c.W*c.C), cputest.Noise(rng, c.N*c.OH*c.OW*c.O), cputest.Noise(rng, c.KH*c.KW*c.C*c.O)
			place := rng.IntN(len(x))
			x[place], y[rng.IntN(len(y))] = cputest.NaN, cputest.NaN

			outputs := make([]float32, len(y))
			p.Forward(c, x, w, nil, outputs)
			want := known.of(fmt.Sprint("forward ", i), [][]float32{x, w}, len(y), func(out []float64) {
				cputest.Exact.Conv2d(c, cputest.Host(x), cputest.Host(w), kernel.Buffer{}, kernel.Host(out))
			})
			checkNaN(t, "output", outputs, want, c.OH, c.OW, c.O, 3)

			inputs := make([]float32, len(x))
			p.BackwardInput(c, y, w, nil, inputs)
			want = known.of(fmt.Sprint("backward input ", i), [][]float32{y, w}, len(x), func(out []float64) {
				cputest.Exact.Conv2dBackwardInput(c, cputest.Host(y), cputest.Host(w), kernel.Buffer{}, kernel.Host(out))
			})
			checkNaN(t, "gradient of the input", inputs, want, c.H, c.W, c.C, 3*c.StrideH)

			weights, clean := make([]float32, len(w)), cputest.Noise(rng, len(y))
			p.BackwardWeight(c, x, clean, weights)
			for k, v := range weights {
				if isNaN, seen := v != v, k/c.O%c.C == place%c.C; isNaN && !seen {
					t.Fatalf("NaN in channel %d reaches the weights of channel %d", place%c.C, k/c.O%c.C)
				}
			}
			want = known.of(fmt.Sprint("backward weight ", i), [][]float32{x, clean}, len(w), func(out []float64) {
				cputest.Exact.Conv2dBackwardWeight(c, cputest.Host(x), cputest.Host(clean), kernel.Host(out))
			})
			for k, v := range want {
				if v != v && weights[k] == weights[k] {
					t.Fatalf("NaN doesn't reach weight %d", k)
				}
			}
		}
	})
}

// checkNaN checks which pixels are NaN: all that are in want, and otherwise only pixels less than near pixels away from one.
func checkNaN(t *testing.T, name string, got []float32, want []float64, height, width, channels, near int) {
	t.Helper()
	for i, v := range got {
		if want[i] != want[i] && v == v {
			t.Fatalf("%s: NaN doesn't reach element %d", name, i)
		}
		if v == v || want[i] != want[i] {
			continue
		}
		image, y, x, channel := i/channels/width/height, i/channels/width%height, i/channels%width, i%channels
		allowed := false
		for yy := max(0, y-near+1); yy < min(height, y+near); yy++ {
			for xx := max(0, x-near+1); xx < min(width, x+near); xx++ {
				v := want[((image*height+yy)*width+xx)*channels+channel]
				allowed = allowed || v != v
			}
		}
		if !allowed {
			t.Fatalf("%s: element %d (pixel %d, %d) is NaN", name, i, y, x)
		}
	}
}
