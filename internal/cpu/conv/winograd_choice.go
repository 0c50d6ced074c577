package conv

import (
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/winograd"
)

const (
	// winogradChannels is the number of channels from which transforming pixels pays, winogradWeightLeast the number of tiles
	// from which transforming the gradient of the weights does.
	winogradChannels, winogradWeightLeast = 64, 32
	// winogradTransform is the number of products that transforming a weight takes as long as, for each point.
	winogradTransform = 18
)

// filtering is F(m×m, r×r): the size of the tiles of the result and that of the kernel.
type filtering struct{ m, r int }

// winogradDevice has the constants of the microkernels for package winograd; 32 is the width of the widest register tile.
var winogradDevice = winograd.Device{Multiple: 32, Least: winogradChannels, Margin: 1}

// fewestProducts returns the filter with the fewest multiplications, and whether it saves at least a quarter of the direct ones and
// has at least so many tiles.
func fewestProducts(c kernel.Conv, least int) (filtering, bool) {
	direct := float64(3*DirectProducts(c) + 1) // so that a quarter is enough
	f, worth := winogradDevice.Choose(c, direct, func(f winograd.Filter) float64 { return float64(4 * f.Products(c)) })
	return filtering{f.M, f.R}, worth && c.N*f.Tiles(c.OH)*f.Tiles(c.OW) >= least
}

// fastestFiltering returns the filter with the shortest estimated time, transforms of weights that aren't constant included, and
// whether it is shorter than the direct time.
func fastestFiltering(c kernel.Conv) (filtering, bool) {
	transform := winogradTransform
	if c.Constant != 0 {
		transform = 0 // except the first time
	}
	f, worth := winogradDevice.Choose(c, 0.92*float64(c.N*DirectProducts(c)), func(f winograd.Filter) float64 {
		return 1.15*float64(c.N*f.Products(c)) + float64(transform*f.Points()*c.StrideH*c.StrideW)
	})
	return filtering{f.M, f.R}, worth
}

const (
	// winogradWeightBF16 is the number of channels from which the gradient of the weights is faster this way in bfloat16 than
	// in the general form.
	winogradWeightBF16 = 256
	// winogradSplitChannels and winogradSplitTiles are the numbers of channels and tiles from which three products on AMX's
	// tiles take so much longer than transforming that fewer of them are worth it. One product never does.
	winogradSplitChannels, winogradSplitTiles = 128, 256
)

// chooseWinograd returns the way for results of a convolution in p's arithmetic, if there is one that is worth it.
func (p *Engine) chooseWinograd(c kernel.Conv) (f filtering, worth bool) {
	if h := p.BF16; h != nil && h.Tiles != nil {
		f, worth = fewestProducts(c, winogradSplitTiles)
		return f, worth && h.Split && min(c.C, c.O) >= winogradSplitChannels
	}
	return fastestFiltering(c)
}

// chooseWinogradWeight is the same for the gradient of the weights.
func (p *Engine) chooseWinogradWeight(c kernel.Conv) (f filtering, worth bool) {
	f, worth = fewestProducts(c, winogradWeightLeast)
	if h := p.BF16; h != nil {
		worth = worth && h.Tiles == nil && min(c.C, c.O) >= winogradWeightBF16
	}
	return f, worth
}

// UsesWinograd reports whether the results of a convolution are computed by Winograd's algorithm in float32.
func UsesWinograd(c kernel.Conv) bool {
	_, worth := fastestFiltering(c)
	return worth
}
