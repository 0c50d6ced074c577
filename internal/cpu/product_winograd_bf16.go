package cpu

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// In bfloat16 the products of Winograd's algorithm are those of points and transformed weights that are rounded, or split:
// sums of a few numbers, the error of which is up to twice that of rounding the numbers themselves.

const (
	// winogradWeightBF16 is the number of channels from which the gradient of the weights is faster this way in bfloat16 than
	// in the general form.
	winogradWeightBF16 = 256
	// winogradSplitChannels and winogradSplitTiles are the numbers of channels and tiles from which three products on AMX's
	// tiles take so much longer than transforming that fewer of them are worth it. One product never does.
	winogradSplitChannels, winogradSplitTiles = 128, 256
)

// chooseWinograd returns the way for results of a convolution in p's arithmetic, if there is one that is worth it.
func (p *products) chooseWinograd(c kernel.Conv) (f filtering, worth bool) {
	if h := p.bf16; h != nil && h.tiles != nil {
		f, worth = winogradSparing(c, winogradSplitTiles)
		return f, worth && h.split && min(c.C, c.O) >= winogradSplitChannels
	}
	return winogradFastest(c)
}

// chooseWinogradWeight is the same for the gradient of the weights.
func (p *products) chooseWinogradWeight(c kernel.Conv) (f filtering, worth bool) {
	f, worth = winogradSparing(c, winogradWeightLeast)
	if h := p.bf16; h != nil {
		worth = worth && h.tiles == nil && min(c.C, c.O) >= winogradWeightBF16
	}
	return f, worth
}

// pairWinogradWeights makes pairs of the rows of a panel of transformed weights, of each point of a part, where they lie.
func (p *products) pairWinogradWeights(w *productWorker, part, column int) {
	if p.bf16 == nil {
		return
	}
	j, low := &p.winograd, p.winogradLow()
	for point := range j.n * j.n {
		panel := j.winogradPanel(part, point, column)
		if !p.bf16.split {
			p.pairPanel(w, panel, panel, j.depth, low)
			continue
		}
		parts := aligned(&w.halves, j.depth*p.width())[:j.depth*p.width()] // they take the place of what they are made of
		p.pairPanel(w, address(parts), panel, j.depth, low)
		copy(j.weights[(panel-address(j.weights))/4:], parts)
	}
}

// winogradLow is the distance from a panel's pairs of weights to their low parts, in bytes. The depth is a multiple of 32.
func (p *products) winogradLow() int { return 4 * p.width() * pairs(p.winograd.depth) }

// pairWinogradOutput returns pairs of the rows of the panels of a point of the output's gradient, so many of each, and the
// distance to their low parts.
func (p *products) pairWinogradOutput(w *productWorker, output uintptr, tiles int) (paired uintptr, low int) {
	j, depth := &p.winograd, p.bf16.pairsOf(tiles)
	paired, low = address(aligned(&w.b, p.bf16.parts()*depth*j.width)), 4*depth*j.width
	for column := 0; column < j.width; column += p.width() {
		p.pairPanel(w, paired+uintptr(4*column*depth), output+uintptr(4*column*winogradBlock), tiles, low)
	}
	return paired, low
}

// pairPanel makes pairs of the rows of a panel, which may be where the pairs are to lie.
func (p *products) pairPanel(w *productWorker, dst, panel uintptr, rows, low int) {
	table := w.addresses(2 * p.bf16.pairsOf(rows))[:rows]
	for i := range table {
		table[i] = panel + uintptr(4*p.width()*i)
	}
	table = p.filled(table)
	w.pairing = simd.Pairing{Dst: dst, Rows: &table[0], Count: len(table) / 2, Columns: p.width(), Low: low}
	p.bf16.pair(2, &w.pairing)
}
