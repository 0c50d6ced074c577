package conv

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// winogradRoom returns memory for size transformed weights of j, and whether it is filled already.
func (p *Engine) winogradRoom(j *winogradJob, size int) (room []float32, kept bool) {
	if j.constant != 0 {
		room, kept = p.Constants.Room(gemm.Constant{Weights: j.constant, M: j.M, R: j.R, Transposed: j.transposed}, size)
	}
	if room == nil {
		room = gemm.Aligned(&p.transformed, size)
	}
	return room, kept
}

// winogradWeightsTask transforms the weights of a panel of a part.
func (p *Engine) winogradWeightsTask(task, worker int) {
	const most = 128 // depth at a time: what is transposed stays in the level-1 cache
	j, w, row := &p.winograd, p.workers[worker], 4*p.Width()
	part, column := task/(j.width/p.Width()), task%(j.width/p.Width())*p.Width()
	s, expand, taps := &w.winograd, p.Passes.WinogradExpand[j.n][j.R], j.parts[part].taps[:j.R*j.R]
	for point := range j.n * j.n {
		s.dst[point] = j.winogradPanel(part, point, column)
	}
	if !j.transposed {
		for t, tap := range taps {
			s.src[t] = j.w + uintptr(tap+4*column)
		}
		expand(&s.src, &s.dst, j.wStride, row, j.depth)
		p.pairWinogradWeights(w, part, column)
		return
	}
	across := gemm.Address(gemm.Aligned(&s.points, len(taps)*most*p.Width()))
	for k := 0; k < j.depth; k += most {
		n := min(most, j.depth-k)
		for t, tap := range taps {
			s.src[t] = across + uintptr(t*most*row)
			for i := 0; i < p.Width(); i += len(w.Transposed) {
				for r := range w.Transposed {
					w.Transposed[r] = j.w + uintptr(tap+(column+i+r)*j.wStride+4*k)
				}
				w.Transposition = simd.Transposition{Rows: &w.Transposed[0], Dst: s.src[t] + uintptr(4*i), DstStride: row, K: n}
				p.Transpose(&w.Transposition)
			}
		}
		expand(&s.src, &s.dst, row, row, n)
		for point := range j.n * j.n {
			s.dst[point] += uintptr(n * row)
		}
	}
	p.pairWinogradWeights(w, part, column)
}

// In bfloat16, the points and the transformed weights are rounded, or split. They are sums of a few numbers, and the error of
// rounding them is up to twice that of rounding the numbers themselves.

// pairWinogradWeights rounds a panel of transformed weights to pairs in place, for each point of a part.
func (p *Engine) pairWinogradWeights(w *worker, part, column int) {
	if p.BF16 == nil {
		return
	}
	j, low := &p.winograd, p.winogradLow()
	for point := range j.n * j.n {
		panel := j.winogradPanel(part, point, column)
		if !p.BF16.Split {
			p.PairPanel(w.Worker, panel, panel, j.depth, low)
			continue
		}
		parts := gemm.Aligned(&w.BF16, j.depth*p.Width())[:j.depth*p.Width()] // they replace the float32 weights
		p.PairPanel(w.Worker, gemm.Address(parts), panel, j.depth, low)
		copy(j.weights[(panel-gemm.Address(j.weights))/4:], parts)
	}
}

// winogradLow is the number of bytes from a panel's pairs of weights to their low parts. The depth is a multiple of 32.
func (p *Engine) winogradLow() int { return 4 * p.Width() * gemm.Pairs(p.winograd.depth) }
