package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Rotary implements kernel.Sequences.
func (d *Device) Rotary(r kernel.Rotary, cos, sin, x, y kernel.Buffer) {
	rows := r.Batch * r.Tokens * r.Groups
	d.launch(function{"sequences", "rotary"}, gridFor(rows*((r.Dim+1)/2), 1), dim3{threads, 1, 1}, 0,
		cos, sin, x, y, rows, int32(r.Tokens), int32(r.Groups), int32(r.Dim), int32(r.Pairs), flag(r.Inverse))
}

// GatedGELU implements kernel.Sequences.
func (d *Device) GatedGELU(rows, n int, x, y kernel.Buffer) {
	d.launch(function{"sequences", "gated_gelu"}, gridFor(rows*n, 1), dim3{threads, 1, 1}, 0, x, y, rows, n)
}

// GatedGELUGrad implements kernel.Sequences.
func (d *Device) GatedGELUGrad(rows, n int, x, gy, gx kernel.Buffer) {
	d.launch(function{"sequences", "gated_gelu_grad"}, gridFor(rows*n, 1), dim3{threads, 1, 1}, 0, x, gy, gx, rows, n)
}
