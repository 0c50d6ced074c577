package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// rowwise launches the kernel for rows of n numbers with a warp for each row, or the one with a block for each row.
func (d *Device) rowwise(warp, block function, rows, n int, args ...any) {
	const fewestWarps = 128 // with fewer rows, a warp for each leaves most of a GPU idle
	if n <= 1024 && rows > fewestWarps {
		d.launch(warp, blocksOf((rows+7)/8), dim3{threads, 1, 1}, 0, args...)
		return
	}
	d.launch(block, blocksOf(rows), blockFor(n/8, 1024), 0, args...)
}

// Softmax implements kernel.Reductions.
func (d *Device) Softmax(log bool, s kernel.Span, x, y kernel.Buffer) {
	if s.Inner == 1 {
		d.rowwise(function{"softmax", "softmax_warp"}, function{"softmax", "softmax_block"}, s.Outer, s.N,
			flag(log), s.Outer, s.N, x, y)
		return
	}
	d.launch(function{"softmax", "softmax_lanes"}, gridFor(s.Outer*s.Inner, 1), dim3{threads, 1, 1}, 0,
		flag(log), s.Outer, s.N, s.Inner, x, y)
}

// SoftmaxGrad implements kernel.Reductions.
func (d *Device) SoftmaxGrad(log bool, s kernel.Span, y, gy, gx kernel.Buffer) {
	if s.Inner == 1 {
		d.rowwise(function{"softmax", "softmax_grad_warp"}, function{"softmax", "softmax_grad_block"}, s.Outer, s.N,
			flag(log), s.Outer, s.N, y, gy, gx)
		return
	}
	d.launch(function{"softmax", "softmax_grad_lanes"}, gridFor(s.Outer*s.Inner, 1), dim3{threads, 1, 1}, 0,
		flag(log), s.Outer, s.N, s.Inner, y, gy, gx)
}

// CrossEntropy implements kernel.Reductions.
func (d *Device) CrossEntropy(rows, classes int, logits, labels, losses kernel.Buffer) {
	d.rowwise(function{"softmax", "cross_entropy_warp"}, function{"softmax", "cross_entropy_block"}, rows, classes,
		rows, classes, logits, labels, losses, d.fault("a label is not smaller than the number of classes"))
}

// CrossEntropyGrad implements kernel.Reductions.
func (d *Device) CrossEntropyGrad(rows, classes int, logits, labels, scale, g kernel.Buffer) {
	d.rowwise(function{"softmax", "cross_entropy_grad_warp"}, function{"softmax", "cross_entropy_grad_block"}, rows, classes,
		rows, classes, logits, labels, scale, g, d.fault("a label is not smaller than the number of classes"))
}
