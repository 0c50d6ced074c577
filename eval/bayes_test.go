package eval

import (
	"math"
	"slices"
	"testing"
)

func TestBayesRule(t *testing.T) {
	logProb := [][]float64{{0, -1, -3, -2}, {-1, 0, -2.5, -2}} // [classes][N]
	if got := Bayes(logProb, nil); !slices.Equal(got, []int{0, 1, 1, 0}) {
		t.Errorf("without prior %v", got)
	}
	prior := []float64{3, 1} // ln 3 = 1.1
	if got := Bayes(logProb, prior); !slices.Equal(got, []int{0, 0, 0, 0}) {
		t.Errorf("with prior %v", got)
	}
	if got := Bayes(logProb, []float64{0, 1}); !slices.Equal(got, []int{1, 1, 1, 1}) {
		t.Errorf("with a class that never occurs %v", got)
	}
	if Bayes(nil, nil) != nil || Accuracy([]int{0, 1, 1, 0}, []int{0, 1, 0, 0}) != 0.75 || !math.IsNaN(Accuracy(nil, nil)) {
		t.Error("no classes, or accuracy")
	}
}
