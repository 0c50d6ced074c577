package simd

// PassesFor returns the passes of a level, nil for the portable one.
func PassesFor(level Level) *Passes {
	if level == NEON {
		return passesNEON
	}
	return nil
}

// gatherRow is Passes.GatherRow in Go, since NEON reads vectors from one address only.
func gatherRow(index []int32, x, y []float32) {
	for j := range y {
		y[j] = 0
		if from := index[j]; from >= 0 {
			y[j] = x[from]
		}
	}
}
