package conv

import (
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/winograd"
)

const (
	// winogradChannels is the least number of channels, winogradWeightLeast the least number of tiles for BackwardWeight.
	winogradChannels, winogradWeightLeast = 64, 32
	// winogradTransform is the time of transforming a weight to a point, in multiplications.
	winogradTransform = 18
)

// winogradDevice has the constants of the microkernels for package winograd; 32 is the width of the widest register tile.
var winogradDevice = winograd.Device{Multiple: 32, Least: winogradChannels, Margin: 1}

// fewestProducts returns the filter with the fewest multiplications, and whether it saves at least a quarter of the direct ones and
// has at least the given number of tiles.
func fewestProducts(c kernel.Conv, least int) (winograd.Filter, bool) {
	direct := float64(3*DirectProducts(c) + 1) // so that a quarter is enough
	f, worth := winogradDevice.Choose(c, direct, func(f winograd.Filter) float64 { return float64(4 * f.Products(c)) })
	return f, worth && c.N*f.Tiles(c.OH)*f.Tiles(c.OW) >= least
}

// fastestFilter returns the filter with the shortest estimated time, transforms of weights that aren't constant included, and
// whether it is shorter than the direct time.
func fastestFilter(c kernel.Conv) (winograd.Filter, bool) {
	transform := winogradTransform
	if c.Constant != 0 {
		transform = 0 // except the first time
	}
	f, worth := winogradDevice.Choose(c, 0.92*float64(c.N*DirectProducts(c)), func(f winograd.Filter) float64 {
		return 1.15*float64(c.N*f.Products(c)) + float64(transform*f.Points()*c.StrideH*c.StrideW)
	})
	return f, worth
}

const (
	// winogradWeightBF16 is the least number of channels for BackwardWeight in bfloat16.
	winogradWeightBF16 = 256
	// winogradSplitChannels and winogradSplitTiles are the least numbers of channels and tiles with three products on AMX. A single
	// product on AMX is always faster directly.
	winogradSplitChannels, winogradSplitTiles = 128, 256
)

// chooseWinograd returns the filter of Forward and BackwardInput, and whether it is faster than the direct way in p's arithmetic.
func (p *Engine) chooseWinograd(c kernel.Conv) (f winograd.Filter, worth bool) {
	if h := p.BF16; h != nil && h.Tiles != nil {
		f, worth = fewestProducts(c, winogradSplitTiles)
		return f, worth && h.Split && min(c.C, c.O) >= winogradSplitChannels
	}
	return fastestFilter(c)
}

// chooseWinogradWeight is chooseWinograd for BackwardWeight.
func (p *Engine) chooseWinogradWeight(c kernel.Conv) (f winograd.Filter, worth bool) {
	f, worth = fewestProducts(c, winogradWeightLeast)
	if h := p.BF16; h != nil {
		worth = worth && h.Tiles == nil && min(c.C, c.O) >= winogradWeightBF16
	}
	return f, worth
}

// UsesWinograd reports whether Forward and BackwardInput take Winograd's algorithm in float32.
func UsesWinograd(c kernel.Conv) bool {
	_, worth := fastestFilter(c)
	return worth
}
