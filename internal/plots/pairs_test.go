package plots

import (
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPairs draws panels for up to six columns, with values that can't be drawn, and refuses clouds that don't fit.
func TestPairs(t *testing.T) {
	path := filepath.Join(folder(t), "pairs.png")
	column := func(scale float64) []float64 {
		_, y := noisy(200, func(x float64) float64 { return scale * (1 + x) })
		return append(y, math.NaN(), math.Inf(1), -1e300)
	}
	for _, n := range []int{1, 3, 8} {
		names, a, b := []string{}, Cloud{Name: "data"}, Cloud{Name: "samples"}
		for j := range n {
			names = append(names, "a column with a very long name")
			a.Columns, b.Columns = append(a.Columns, column(float64(j+1))), append(b.Columns, column(float64(j)))
		}
		if err := Pairs(path, names, a, b); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if want := max(2, min(n, MaxPairs)) * pairPx; img.Bounds().Dx() != want {
			t.Errorf("%d columns are %d pixels wide, want %d", n, img.Bounds().Dx(), want)
		}
	}
	if err := Pairs(path, []string{"a", "b"}, Cloud{Name: "x", Columns: [][]float64{{1}}}); err == nil || !strings.Contains(err.Error(), "columns") {
		t.Errorf("a cloud without a column: %v", err)
	}
	if err := Pairs(path, nil); err == nil {
		t.Error("no columns are drawn")
	}
	if err := Pairs(path, []string{"a"}, Cloud{Columns: [][]float64{{}}}); err != nil {
		t.Errorf("no rows: %v", err)
	}
}
