package plots

import (
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestPanels(t *testing.T) {
	for _, n := range []int{1, 2, 20} {
		series := make([]Series, n)
		for i := range series {
			series[i] = Series{Name: fmt.Sprintf("class %d  91.2 %%", i), X: []float64{0, 0.5, 1}, Y: []float64{1, 0.9, math.NaN()}}
		}
		series[0].X, series[0].Y = nil, nil
		path := filepath.Join(t.TempDir(), "panels.png")
		if err := Panels(path, Axes{Title: "Precision and recall", X: "recall", Y: "precision"}, series...); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(f)
		f.Close()
		if err != nil || img.Bounds().Dx() < 240*min(n, 2) {
			t.Errorf("%d panels: %v", n, err)
		}
	}
	if err := Panels("x.png", Axes{}); err == nil {
		t.Error("no series")
	}
	if err := Panels("x.png", Axes{}, Series{Name: "uneven", X: []float64{1}, Y: []float64{1, 2}}); err == nil {
		t.Error("more y than x")
	}
}
