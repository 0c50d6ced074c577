package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Depthwise implements kernel.Pictures.
func (d *Device) Depthwise(c kernel.Depthwise, x, w, bias, y kernel.Buffer) {
	d.arguments.depthwise = c
	d.each(function{"depthwise", "depthwise"}, c.Output(), structArg(&d.arguments.depthwise), x, w, bias, y)
}

// DepthwiseGradInput implements kernel.Pictures.
func (d *Device) DepthwiseGradInput(c kernel.Depthwise, gy, w, gx kernel.Buffer) {
	d.arguments.depthwise = c
	d.each(function{"depthwise", "depthwise_grad_input"}, c.Input(), structArg(&d.arguments.depthwise), gy, w, gx)
}

// DepthwiseGradWeight implements kernel.Pictures.
func (d *Device) DepthwiseGradWeight(c kernel.Depthwise, x, gy, gw kernel.Buffer) {
	if c.Output() == 0 {
		d.Fill(gw, 0)
		return
	}
	d.arguments.depthwise = c
	blocks := (c.C + 31) / 32 * c.KH * c.KW
	splits := max(1, min(c.N*c.OH, mostShares/blocks))
	partial := d.doubles("shares", splits*c.Weights())
	d.launch(function{"depthwise", "depthwise_grad_weight"}, blocksOf(blocks*splits), columnBlock, 0,
		structArg(&d.arguments.depthwise), splits, x, gy, partial)
	d.launch(function{"reductions", "reduce_shares"}, columnGrid(c.Weights(), 1), columnBlock, 0,
		int32(kernel.Sum), 1, splits, c.Weights(), 1.0, partial, gw)
}
