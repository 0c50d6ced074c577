package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// fusedRows is the number of rows up to which a batch normalisation is one launch: below it, launches take longer than memory
// traffic.
const fusedRows = 512

// columnSplits is the number of parts into which rows are cut, so that sums of columns keep a GPU busy.
func columnSplits(rows, columns int) int {
	return max(1, min((rows+63)/64, mostShares/max(1, (columns+31)/32)))
}

// columnGrid is a grid with a block for each part of the rows of each 32 columns.
func columnGrid(columns, splits int) dim3 { return blocksOf((columns + 31) / 32 * splits) }

// runningArguments is Running in batch_norm.cuh.
type runningArguments struct {
	mean, variance uint64
	momentum       float32
}

// BatchNorm implements kernel.Normalisation.
func (d *Device) BatchNorm(b kernel.BatchNorm, x, gamma, beta, mean, variance, y kernel.Buffer) {
	r := &d.arguments.running
	*r = runningArguments{mean: b.Running.Mean.Addr, variance: b.Running.Variance.Addr, momentum: float32(b.Running.Momentum)}
	running := structArg(r)
	if !b.Fixed && b.Rows <= fusedRows {
		d.launch(function{"normalisation", "batch_norm"}, columnGrid(b.Channels, 1), columnBlock, 0,
			b.Rows, b.Channels, b.Eps, flag(b.Unbiased), flag(b.LogGamma), int32(b.Act), float32(b.Slope), x, gamma, beta,
			mean, variance, y, running)
		return
	}
	if !b.Fixed {
		splits := columnSplits(b.Rows, b.Channels)
		partial := d.doubles("shares", 2*splits*b.Channels)
		d.launch(function{"normalisation", "batch_moments"}, columnGrid(b.Channels, splits), columnBlock, 0,
			b.Rows, b.Channels, splits, x, partial)
		d.launch(function{"normalisation", "batch_statistics"}, columnGrid(b.Channels, 1), columnBlock, 0,
			b.Rows, b.Channels, splits, flag(b.Unbiased), x, partial, mean, variance, running)
	}
	d.launch(function{"normalisation", "batch_apply"}, columnGrid(b.Channels, (b.Rows+31)/32), columnBlock, 0,
		b.Rows, b.Channels, b.Eps, flag(b.LogGamma), int32(b.Act), float32(b.Slope), x, gamma, beta, mean, variance, y)
}

// BatchNormLogDet implements kernel.Normalisation.
func (d *Device) BatchNormLogDet(b kernel.BatchNorm, gamma, variance, before, logDet kernel.Buffer) {
	d.launch(function{"normalisation", "batch_norm_log_det"}, dim3{1, 1, 1}, blockFor(b.Channels, threads), 0,
		b.Channels, b.Eps, gamma, variance, before, logDet)
}

// batchGradArguments is BatchGrad in batch_norm.cuh.
type batchGradArguments struct {
	rows, channels                           int
	eps                                      float64
	act                                      int32
	slope                                    float32
	unbiased, fixed, logGamma                int32
	x, gamma, mean, variance, y, gy, gLogDet uint64
	gx, ggamma, gbeta                        uint64
}

// BatchNormGrad implements kernel.Normalisation.
func (d *Device) BatchNormGrad(b kernel.BatchNorm, x, gamma, mean, variance, y, gy, gLogDet, gx, ggamma, gbeta kernel.Buffer) {
	a := &d.arguments.batchGrad
	*a = batchGradArguments{
		rows: b.Rows, channels: b.Channels, eps: b.Eps, act: int32(b.Act), slope: float32(b.Slope),
		unbiased: flag(b.Unbiased), fixed: flag(b.Fixed), logGamma: flag(b.LogGamma),
		x: x.Addr, gamma: gamma.Addr, mean: mean.Addr, variance: variance.Addr, y: y.Addr, gy: gy.Addr, gLogDet: gLogDet.Addr,
		gx: gx.Addr, ggamma: ggamma.Addr, gbeta: gbeta.Addr,
	}
	if b.Rows <= fusedRows {
		d.launch(function{"normalisation", "batch_norm_grad"}, columnGrid(b.Channels, 1), columnBlock, 0, structArg(a))
		return
	}
	splits := columnSplits(b.Rows, b.Channels)
	partial := d.doubles("shares", 2*splits*b.Channels)
	d.launch(function{"normalisation", "batch_grad_moments"}, columnGrid(b.Channels, splits), columnBlock, 0,
		structArg(a), splits, partial)
	d.launch(function{"normalisation", "batch_grad_parameters"}, columnGrid(b.Channels, 1), columnBlock, 0,
		structArg(a), splits, partial)
	if !gx.IsNil() {
		d.launch(function{"normalisation", "batch_grad_apply"}, columnGrid(b.Channels, (b.Rows+31)/32), columnBlock, 0,
			structArg(a), partial)
	}
}

// LayerNorm implements kernel.Normalisation.
func (d *Device) LayerNorm(rows, n int, eps float64, x, gamma, beta, y, mean, rstd kernel.Buffer) {
	d.rowwise(function{"normalisation", "layer_norm_warp"}, function{"normalisation", "layer_norm_block"}, rows, n,
		rows, n, group(rows, n, gamma), group(rows, n, beta), eps, x, gamma, beta, y, mean, rstd)
}

// LayerNormGrad implements kernel.Normalisation.
func (d *Device) LayerNormGrad(rows, n int, x, gamma, mean, rstd, gy, gx, ggamma, gbeta kernel.Buffer) {
	d.rowwise(function{"normalisation", "layer_norm_grad_warp"}, function{"normalisation", "layer_norm_grad_block"}, rows, n,
		rows, n, x, gamma, mean, rstd, gy, gx)
	if ggamma.IsNil() && gbeta.IsNil() {
		return
	}
	splits := columnSplits(rows, n)
	partial := d.doubles("shares", 2*splits*n)
	d.launch(function{"normalisation", "layer_norm_moments"}, columnGrid(n, splits), columnBlock, 0,
		rows, n, splits, x, mean, rstd, gy, partial)
	d.launch(function{"normalisation", "layer_norm_parameters"}, columnGrid(n, 1), columnBlock, 0,
		n, splits, partial, ggamma, gbeta)
}
