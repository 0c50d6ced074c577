package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// CouplingInput implements kernel.Couplings.
func (d *Device) CouplingInput(c kernel.Coupling, condition int, cond, x, y kernel.Buffer) {
	d.each(function{"couplings", "coupling_input"}, c.Rows*(condition+c.Cols),
		c.Rows, c.Cols, condition, c.Passive(), c.Index, cond, x, y)
}

// CouplingInputGrad implements kernel.Couplings.
func (d *Device) CouplingInputGrad(c kernel.Coupling, condition int, gy, gx kernel.Buffer) {
	d.each(function{"couplings", "coupling_input_grad"}, c.Rows*c.Cols, c.Rows, c.Cols, condition, c.Passive(), c.Index, gy, gx)
}

// Coupling implements kernel.Couplings.
func (d *Device) Coupling(c kernel.Coupling, x, st, before, y, logDet kernel.Buffer) {
	d.launch(function{"couplings", "coupling"}, blocksOf(c.Rows), blockFor(c.Cols, 256), 0,
		c.Rows, c.Cols, c.Active, flag(c.Bounded), flag(c.Inverse), c.Index, c.Order, x, st, before, y, logDet, d.fault(wrongIndex))
}

// CouplingGrad implements kernel.Couplings.
func (d *Device) CouplingGrad(c kernel.Coupling, x, st, y, gy, gLogDet, gx, gst kernel.Buffer) {
	d.each(function{"couplings", "coupling_grad"}, c.Rows*c.Cols,
		c.Rows, c.Cols, c.Active, flag(c.Bounded), flag(c.Inverse), c.Index, c.Order, x, st, y, gy, gLogDet, gx, gst, d.fault(wrongIndex))
}
