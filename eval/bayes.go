package eval

import "math"

// Bayes returns the class with the largest ln p(x | class) + ln prior(class) of each picture, for log-densities
// [classes][N] as [sample.Flow.LogProb] returns them. prior has a weight for each class, such as its number of training
// pictures; nil is the same weight for all.
func Bayes(logProb [][]float64, prior []float64) []int {
	if len(logProb) == 0 {
		return nil
	}
	best := make([]int, len(logProb[0]))
	score := func(class, i int) float64 {
		if prior == nil {
			return logProb[class][i]
		}
		return logProb[class][i] + math.Log(prior[class])
	}
	for i := range best {
		for class := range logProb {
			if score(class, i) > score(best[i], i) {
				best[i] = class
			}
		}
	}
	return best
}

// Accuracy returns the share of equal elements of two lists of classes; NaN of none.
func Accuracy(classes, labels []int) float64 {
	right := 0
	for i, class := range classes {
		if class == labels[i] {
			right++
		}
	}
	return float64(right) / float64(len(classes))
}
