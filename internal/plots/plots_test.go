package plots

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
)

// folder returns the folder for the pictures: BESTIARY_PLOTS, to inspect them, or a temporary one.
func folder(t *testing.T) string {
	if dir := os.Getenv("BESTIARY_PLOTS"); dir != "" {
		return dir
	}
	return t.TempDir()
}

// count opens a picture, checks its size, and counts the pixels of nearly a colour.
func count(t *testing.T, path string, c color.NRGBA) int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds() != image.Rect(0, 0, widthPx, heightPx) {
		t.Fatalf("%v, want %d×%d", img.Bounds(), widthPx, heightPx)
	}
	n := 0
	near := func(a, b uint8) bool { return max(a, b)-min(a, b) < 24 }
	for y := range heightPx {
		for x := range widthPx {
			p := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			if near(p.R, c.R) && near(p.G, c.G) && near(p.B, c.B) {
				n++
			}
		}
	}
	return n
}

func noisy(n int, f func(x float64) float64) (x, y []float64) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		x = append(x, float64(i))
		y = append(y, f(float64(i)/float64(n))*(1+0.15*r.NormFloat64()))
	}
	return x, y
}

func TestLines(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	decay := func(t float64) float64 { return 0.02 + 0.5*math.Exp(-6*t) }
	x, y := noisy(20_000, decay)
	var vx, vy []float64
	for i := 0; i <= 20_000; i += 1000 {
		vx, vy = append(vx, float64(i)), append(vy, 1.15*decay(float64(i)/20_000))
	}
	train, held := Series{Name: "train", X: x, Y: y, Smooth: true}, Series{Name: "held-out", X: vx, Y: vy}
	broken := slices.Clone(vy)
	broken[4], broken[5], broken[15] = nan, inf, -1
	negative := slices.Clone(vy)
	for i := range negative {
		negative[i] = -300 + 900*vy[i]
	}
	cases := []struct {
		name   string
		axes   Axes
		series []Series
		drawn  int // series of which something must be seen
	}{
		{"loss", Axes{Title: "Autoencoder: mean squared error", X: "step", Y: "MSE"}, []Series{train, held}, 2},
		{"loss-log", Axes{Title: "Autoencoder: mean squared error", X: "step", Y: "MSE", LogY: true}, []Series{train, held}, 2},
		{"broken", Axes{Title: "Diverged", X: "step", Y: "loss", LogY: true}, []Series{{Name: "held-out", X: vx, Y: broken}}, 1},
		{"negative", Axes{X: "step", Y: "nats"}, []Series{{Y: negative}}, 1},
		{"empty", Axes{Title: "Nothing", X: "step", Y: "loss"}, nil, 0},
		{"empty-log", Axes{Title: "Nothing", LogX: true, LogY: true}, []Series{{Name: "a"}}, 1}, // its legend
		{"only NaN", Axes{Title: "NaN", Y: "loss"}, []Series{{Name: "a", Y: []float64{nan, nan}}}, 1},
		{"one point", Axes{Title: "One"}, []Series{{Y: []float64{3}}}, 1},
		{"one point, log", Axes{LogY: true, LogX: true}, []Series{{X: []float64{3}, Y: []float64{3}}}, 1},
		{"constant", Axes{Title: "Constant"}, []Series{{Y: []float64{1e6, 1e6, 1e6}}}, 1},
		{"extreme", Axes{Title: "Extreme"}, []Series{{Y: []float64{-1e250, 1e250, math.MaxFloat64}}}, 1},
		{"tiny", Axes{LogY: true}, []Series{{Y: []float64{1e-250, 1e-310, 1e250}}}, 1},
		{"many", Axes{Title: "Many series"}, func() (all []Series) {
			for i := range 20 {
				all = append(all, Series{Name: fmt.Sprintf("a series called %d", i), Y: []float64{float64(i), float64(20 - i)}})
			}
			return all
		}(), 8},
	}
	dir := folder(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, "lines-"+c.name+".png")
			if err := Lines(path, c.axes, c.series...); err != nil {
				t.Fatal(err)
			}
			for i := range c.drawn {
				if n := count(t, path, colour(i)); n < 12 {
					t.Errorf("only %d pixels of series %d", n, i)
				}
			}
		})
	}
	err := Lines("a.png", Axes{}, Series{Name: "s", X: []float64{1}, Y: []float64{1, 2}})
	if err == nil || !strings.HasPrefix(err.Error(), "a.png: ") {
		t.Errorf("uneven series: %v", err)
	}
}

func TestSmoothAndThin(t *testing.T) {
	line := make(plotter.XYs, 100_000)
	for i := range line {
		line[i] = plotter.XY{X: float64(i), Y: 2 * float64(i)}
	}
	line[77_777].Y = 1e9
	few := thin(line)
	if len(few) > 4*widthPx || !slices.Contains(few, line[77_777]) {
		t.Errorf("%d points, or the peak is lost", len(few))
	}
	if !slices.IsSortedFunc(few, func(a, b plotter.XY) int { return int(a.X - b.X) }) {
		t.Error("thinning changed the order")
	}
	// A straight line stays as it is, up to its ends.
	for i, p := range smooth(line[:1000], false) {
		if math.Abs(p.Y-line[i].Y) > 1e-6 {
			t.Fatalf("point %d moved from %v to %v", i, line[i], p)
		}
	}
}

// A steep fall just before the end must not lead the smoothed curve below zero on a logarithmic axis.
func TestSmoothStaysPositive(t *testing.T) {
	run := make(plotter.XYs, 40)
	for i := range run {
		run[i] = plotter.XY{X: float64(i), Y: math.Pow(10, float64(40-i))}
	}
	for i, p := range smooth(run, true) {
		if !(p.Y > 0) {
			t.Errorf("point %d became %v", i, p.Y)
		}
	}
}

func TestLabels(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.1 + 0.2: "0.3", 250: "250", 2500: "2.5k", 999: "999", 20_000: "20k", 1.5e6: "1.5M", -2e6: "-2M", 3e-7: "3e-07", 1e30: "1e+30",
	} {
		if got := label(v); got != want {
			t.Errorf("%g: %q, want %q", v, got, want)
		}
	}
	for _, r := range [][2]float64{{1, 3}, {0.01, 0.9}, {1e-6, 1e4}, {1e-30, 1e30}} {
		if n := len(logTicks{}.Ticks(r[0], r[1])); n < 3 || n > 14 {
			t.Errorf("%v: %d ticks", r, n)
		}
	}
}
