package simd

import (
	"fmt"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// BenchmarkPasses reports the memory traffic of the main passes on one thread: every array that is read or written
// counts. 8 Ki numbers stay in the level-1 or level-2 cache, 1 Mi are beyond it.
func BenchmarkPasses(b *testing.B) {
	const channels = 64
	var params [10]float32
	for i := range params {
		params[i] = 0.5
	}
	passes := []struct {
		name   string
		arrays int
		run    func(p *Passes, v [4][]float32, c [6][]float32)
	}{
		{"leakyrelu", 2, func(p *Passes, v [4][]float32, _ [6][]float32) { p.Unary[kernel.LeakyReLU](0.2, v[0], v[1]) }},
		{"exp", 2, func(p *Passes, v [4][]float32, _ [6][]float32) { p.Unary[kernel.Exp](0, v[0], v[1]) }},
		{"tanh", 2, func(p *Passes, v [4][]float32, _ [6][]float32) { p.Unary[kernel.Tanh](0, v[0], v[1]) }},
		{"log", 2, func(p *Passes, v [4][]float32, _ [6][]float32) { p.Unary[kernel.Log](0, v[0], v[1]) }},
		{"gelu", 2, func(p *Passes, v [4][]float32, _ [6][]float32) { p.Unary[kernel.GELU](0, v[0], v[1]) }},
		{"gelugrad", 3, func(p *Passes, v [4][]float32, _ [6][]float32) {
			p.UnaryGrad[kernel.GELU](0, v[0], nil, v[1], v[2])
		}},
		{"add", 3, func(p *Passes, v [4][]float32, _ [6][]float32) { p.Binary[kernel.Add](v[0], v[1], v[2]) }},
		{"sumsquares", 1, func(p *Passes, v [4][]float32, _ [6][]float32) { p.SumSquares(v[0]) }},
		{"squarederror", 2, func(p *Passes, v [4][]float32, _ [6][]float32) { p.SquaredError(v[0], v[1]) }},
		{"max", 1, func(p *Passes, v [4][]float32, _ [6][]float32) { p.Max(v[0]) }},
		{"expshift", 2, func(p *Passes, v [4][]float32, _ [6][]float32) { p.ExpShift(1, v[0], v[1]) }},
		{"columnsums", 1, func(p *Passes, v [4][]float32, c [6][]float32) { p.ColumnSums(len(v[0])/channels, v[0], c[0]) }},
		{"columnsquares", 1, func(p *Passes, v [4][]float32, c [6][]float32) {
			p.ColumnSquares(len(v[0])/channels, v[0], c[0], c[1])
		}},
		{"normaliseleaky", 2, func(p *Passes, v [4][]float32, c [6][]float32) {
			p.NormaliseLeaky(len(v[0])/channels, 0.2, v[0], c[0], c[1], c[2], v[1])
		}},
		{"columngradsumsleaky", 3, func(p *Passes, v [4][]float32, c [6][]float32) {
			p.ColumnGradSumsLeaky(len(v[0])/channels, 0.2, v[0], v[1], v[2], c[0], c[1], c[2])
		}},
		{"normalisegradleaky", 4, func(p *Passes, v [4][]float32, c [6][]float32) {
			p.NormaliseGradLeaky(len(v[0])/channels, 0.2, v[0], v[1], v[2], c[0], c[1], c[2], c[3], v[3])
		}},
		{"couplingbounded", 4, func(p *Passes, v [4][]float32, _ [6][]float32) { p.CouplingBounded(v[0], v[1], v[2], v[3]) }},
		{"adam", 7, func(p *Passes, v [4][]float32, _ [6][]float32) { p.Adam(&params, v[0], v[1], v[2], v[3]) }},
		{"transpose", 2, func(p *Passes, v [4][]float32, _ [6][]float32) {
			rows := len(v[0]) / 128
			for c := 0; c < 128; c += 8 {
				p.TransposeBlocks(rows/8, v[0][c:], 128, v[1][c*rows:], rows)
			}
		}},
	}
	for _, level := range levels() {
		p := PassesFor(level)
		for _, pass := range passes {
			for _, n := range []int{8 << 10, 1 << 20} {
				b.Run(fmt.Sprintf("%s/%v/%d", pass.name, level, n), func(b *testing.B) {
					var v [4][]float32
					var c [6][]float32
					for i := range v {
						v[i] = make([]float32, n)
						p.Fill(0.5, v[i])
					}
					for i := range c {
						c[i] = make([]float32, channels)
						p.Fill(0.5, c[i])
					}
					b.SetBytes(int64(4 * n * pass.arrays))
					for b.Loop() {
						pass.run(p, v, c)
					}
				})
			}
		}
	}
}
