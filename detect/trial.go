package detect

import (
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/tensor"
)

func init() { engine.AddTrial("detect", newTrial) }

// newTrial suppresses boxes, on the device where that is possible.
func newTrial(d *tensor.Device, g *tensor.Generator, n int) engine.Trial {
	b, scores, classes := make([]Box, 20*n), make([]float32, 20*n), make([]int, 20*n)
	for i := range b {
		x, y := float64(g.Intn(40)), float64(g.Intn(40))
		b[i] = Box{X0: x, Y0: y, X1: x + 5 + float64(g.Intn(20)), Y1: y + 5 + float64(g.Intn(20))}
		scores[i], classes[i] = float32(g.Intn(1000))/1000, g.Intn(2)
	}
	return engine.Trial{Answers: []engine.Answer{{Of: "suppression of boxes", Compute: func() []float32 {
		var kept []int
		if s := engine.Suppression(d); s != nil {
			kept = suppressOn(d, s, b, scores, classes, 0.3)
		} else {
			kept, _ = NMSPerClass(b, scores, classes, 0.3)
		}
		marks := make([]float32, len(b)) // a different number of kept boxes is a difference, too
		for at, i := range kept {
			marks[i] = float32(at + 1)
		}
		return marks
	}}}}
}
