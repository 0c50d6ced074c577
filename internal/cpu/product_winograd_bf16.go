package cpu

import "github.com/bestiary-ml/bestiary/internal/cpu/simd"

// At precision medium the products of Winograd's algorithm are those of points and transformed weights that are rounded
// to bfloat16: sums of a few numbers, the error of which is up to twice that of rounding the numbers themselves.

// winogradWeightBF16 is the number of channels from which the gradient of the weights is faster this way in bfloat16 than in
// the general form.
const winogradWeightBF16 = 256

// pairWinogradWeights makes pairs of the rows of a panel of transformed weights, of each point of a part, where they lie.
func (p *products) pairWinogradWeights(w *productWorker, part, column int) {
	if p.bf16 == nil {
		return
	}
	j := &p.winograd
	for point := range j.n * j.n {
		panel := j.winogradPanel(part, point, column)
		p.pairPanel(w, panel, panel, j.depth)
	}
}

// pairWinogradOutput returns pairs of the rows of the panels of a point of the output's gradient, so many of each.
func (p *products) pairWinogradOutput(w *productWorker, output uintptr, tiles int) uintptr {
	j := &p.winograd
	paired := address(aligned(&w.b, pairs(tiles)*j.width))
	for column := 0; column < j.width; column += p.width() {
		p.pairPanel(w, paired+uintptr(4*column*pairs(tiles)), output+uintptr(4*column*winogradBlock), tiles)
	}
	return paired
}

// pairPanel makes pairs of the rows of a panel, which may be where the pairs are to lie.
func (p *products) pairPanel(w *productWorker, dst, panel uintptr, rows int) {
	table := w.addresses(rows + 1)
	for i := range table {
		table[i] = panel + uintptr(4*p.width()*i)
	}
	table[rows] = address(p.blank)
	w.pairing = simd.Pairing{Dst: dst, Rows: &table[0], Count: pairs(rows), Columns: p.width()}
	p.bf16.Pair[1](&w.pairing)
}
