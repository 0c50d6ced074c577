package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// each launches a kernel that treats n elements alike.
func (d *Device) each(f function, n int, args ...any) {
	d.launch(f, gridFor(n, elements(n)), dim3{threads, 1, 1}, 0, args...)
}

// elements is the number of elements of a thread. It is 1 as long as a GPU runs about n threads at a time, because a thread
// with four elements waits for memory four times.
func elements(n int) int { return min(1+n>>18, 4) }

// Unary implements kernel.Elementwise.
func (d *Device) Unary(op kernel.Unary, a float64, x, y kernel.Buffer) {
	d.each(function{"elementwise", "unary"}, y.Len, int32(op), y.Len, float32(a), x, y)
}

// UnaryGrad implements kernel.Elementwise.
func (d *Device) UnaryGrad(op kernel.Unary, a float64, x, y, gy, gx kernel.Buffer) {
	d.each(function{"elementwise", "unary_grad"}, gx.Len, int32(op), gx.Len, float32(a), x, y, gy, gx)
}

// Binary implements kernel.Elementwise.
func (d *Device) Binary(op kernel.Binary, s kernel.Broadcast, a, b, y kernel.Buffer) {
	if s.Rank <= 1 {
		d.each(function{"elementwise", "binary_flat"}, y.Len, int32(op), y.Len, s.StrideA[0], s.StrideB[0], a, b, y)
		return
	}
	d.each(function{"elementwise", "binary_broadcast"}, y.Len, int32(op), y.Len, structArg(&s), a, b, y)
}

// AddProduct implements kernel.Elementwise.
func (d *Device) AddProduct(rows, n int, x, y, s, out kernel.Buffer) {
	d.each(function{"elementwise", "add_product"}, rows*n, rows, n, group(rows, n, s), x, y, s, out)
}

// group is the number of rows of n numbers that share a row of s [groups, n]; all do for a nil s.
func group(rows, n int, s kernel.Buffer) int {
	if s.Len <= n {
		return max(1, rows)
	}
	return rows * n / s.Len
}

// AddScaled implements kernel.Elementwise.
func (d *Device) AddScaled(a float64, x, y kernel.Buffer) {
	d.each(function{"elementwise", "add_scaled"}, y.Len, y.Len, float32(a), x, y)
}

// ActivationGrad implements kernel.Elementwise.
func (d *Device) ActivationGrad(act kernel.Activation, slope float64, y, gy, gx kernel.Buffer) {
	d.each(function{"elementwise", "activation_gradient"}, gx.Len, int32(act), gx.Len, float32(slope), y, gy, gx)
}

// PairLoss implements kernel.Elementwise.
func (d *Device) PairLoss(loss kernel.PairLoss, beta, scale float64, a, b, out kernel.Buffer) {
	blocks := min((a.Len+4095)/4096, 1024)
	partial := d.doubles("shares", blocks)
	d.launch(function{"elementwise", "pair_loss"}, dim3{uint32(blocks), 1, 1}, dim3{threads, 1, 1}, 0,
		int32(loss), a.Len, beta, a, b, partial)
	d.launch(function{"reductions", "finish_sum"}, dim3{1, 1, 1}, dim3{threads, 1, 1}, 0, blocks, scale, partial, out)
}

// PairLossGrad implements kernel.Elementwise.
func (d *Device) PairLossGrad(loss kernel.PairLoss, beta, scale float64, a, b, g, ga kernel.Buffer) {
	d.each(function{"elementwise", "pair_loss_grad"}, ga.Len, int32(loss), ga.Len, float32(beta), float32(scale), a, b, g, ga)
}
