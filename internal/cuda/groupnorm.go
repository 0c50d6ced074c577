package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// groupNormArguments is GroupNorm in group_norm.cuh.
type groupNormArguments struct {
	pictures, pixels, channels, groups int
	eps                                float64
	silu                               int32
	x, gamma, beta, gy                 uint64
	y, mean, rstd, gx, ggamma, gbeta   uint64
}

// groupNorm returns the arguments that both directions have.
func (d *Device) groupNorm(g kernel.GroupNorm, x, gamma, beta, mean, rstd kernel.Buffer) *groupNormArguments {
	a := &d.arguments.groupNorm
	*a = groupNormArguments{
		pictures: g.Pictures, pixels: g.Pixels, channels: g.Channels, groups: g.Groups, eps: g.Eps, silu: flag(g.SiLU),
		x: x.Addr, gamma: gamma.Addr, beta: beta.Addr, mean: mean.Addr, rstd: rstd.Addr,
	}
	return a
}

// groupSplits is the number of parts into which the pixels of a picture are cut for sums.
func groupSplits(g kernel.GroupNorm) int {
	return columnSplits(g.Pixels, g.Channels*g.Pictures)
}

// groupGrid is a grid with a warp for each group.
func groupGrid(g kernel.GroupNorm) dim3 { return blocksOf((g.Pictures*g.Groups + 7) / 8) }

// GroupNorm implements kernel.Normalisation.
func (d *Device) GroupNorm(g kernel.GroupNorm, x, gamma, beta, y, mean, rstd kernel.Buffer) {
	a := d.groupNorm(g, x, gamma, beta, mean, rstd)
	a.y = y.Addr
	splits, parts := groupSplits(g), (g.Pixels+31)/32
	partial := d.doubles("shares", 2*g.Pictures*splits*g.Channels)
	d.launch(function{"normalisation", "group_moments"}, columnGrid(g.Channels, g.Pictures*splits), columnBlock, 0, structArg(a), splits, partial)
	d.launch(function{"normalisation", "group_statistics"}, groupGrid(g), dim3{threads, 1, 1}, 0, structArg(a), splits, partial)
	d.launch(function{"normalisation", "group_apply"}, columnGrid(g.Channels, g.Pictures*parts), columnBlock, 0, structArg(a), parts)
}

// GroupNormGrad implements kernel.Normalisation.
func (d *Device) GroupNormGrad(g kernel.GroupNorm, x, gamma, beta, mean, rstd, gy, gx, ggamma, gbeta kernel.Buffer) {
	a := d.groupNorm(g, x, gamma, beta, mean, rstd)
	a.gy, a.gx, a.ggamma, a.gbeta = gy.Addr, gx.Addr, ggamma.Addr, gbeta.Addr
	splits, parts := groupSplits(g), (g.Pixels+31)/32
	shares := 4 * g.Pictures * splits * g.Channels // in words of 32 bits
	sums := d.doubles("shares", shares/2+2*g.Pictures*g.Groups)
	partial, averages := sums.Slice(0, shares), skip(sums, shares)
	d.launch(function{"normalisation", "group_grad_moments"}, columnGrid(g.Channels, g.Pictures*splits), columnBlock, 0,
		structArg(a), splits, partial)
	if !ggamma.IsNil() || !gbeta.IsNil() {
		d.launch(function{"normalisation", "group_grad_parameters"}, columnGrid(g.Channels, 1), columnBlock, 0, structArg(a), splits, partial)
	}
	if gx.IsNil() {
		return
	}
	d.launch(function{"normalisation", "group_grad_averages"}, groupGrid(g), dim3{threads, 1, 1}, 0, structArg(a), splits, partial, averages)
	d.launch(function{"normalisation", "group_grad_apply"}, columnGrid(g.Channels, g.Pictures*parts), columnBlock, 0,
		structArg(a), parts, averages)
}
