// Package winograd decides when a convolution is computed by Winograd's minimal filtering (Winograd, 1980; Lavin and Gray,
// 2016), for all devices.
//
// F(m×m, r×r) computes m×m outputs of an r×r kernel with n×n multiplications, n = m+r−1, instead of m²·r². A tile of n×n
// input pixels is transformed to n×n points, each point is a matrix product over the channels, and the products are
// transformed back to m×m output pixels.
//
// A kernel of stride 2 and twice the size splits into stride² = 4 phases, even and odd rows and columns, each of stride 1.
package winograd

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Filter is F(M×M, R×R): M×M outputs a tile, kernels of R×R.
type Filter struct{ M, R int }

// Axis is the number of points of a tile along an axis: M + R − 1.
func (f Filter) Axis() int { return f.M + f.R - 1 }

// Points is the number of points of a tile, [Filter.Axis]².
func (f Filter) Points() int { return f.Axis() * f.Axis() }

// Tiles is the number of tiles that cover an axis with the given number of outputs.
func (f Filter) Tiles(outputs int) int { return (outputs + f.M - 1) / f.M }

// Products is the number of multiplications for each pair of channels of an image, in all phases.
func (f Filter) Products(c kernel.Conv) int {
	return f.Tiles(c.OH) * f.Tiles(c.OW) * f.Points() * c.StrideH * c.StrideW
}

// Device has the constants of a device's kernels.
type Device struct {
	Multiple int     // numbers of channels must be multiples of this
	Least    int     // numbers of channels must be at least this
	Margin   float64 // the algorithm must take less than this share of the direct time
}

// The filters for kernels of 3×3 with stride 1 and of 4×4 with stride 2.
var filters3, filters4 = []Filter{{2, 3}}, []Filter{{2, 2}, {3, 2}}

// Filters returns the filters that fit a convolution; none if the algorithm doesn't apply to it. The caller must not
// change them.
func (d Device) Filters(c kernel.Conv) []Filter {
	if c.Groups != 1 || c.DilationH != 1 || c.DilationW != 1 || c.StrideH != c.StrideW || c.KH != c.KW || c.PadH != 1 || c.PadW != 1 ||
		c.H != c.OH*c.StrideH || c.W != c.OW*c.StrideW || c.C%d.Multiple != 0 || c.O%d.Multiple != 0 || min(c.C, c.O) < d.Least {
		return nil
	}
	switch {
	case c.KH == 3 && c.StrideH == 1:
		return filters3
	case c.KH == 4 && c.StrideH == 2:
		return filters4
	default:
		return nil
	}
}

// Choose returns the filter of the least cost, and whether the cost is less than the share Margin of direct, the cost of
// the direct convolution. A cost of +Inf excludes a filter.
func (d Device) Choose(c kernel.Conv, direct float64, cost func(Filter) float64) (best Filter, worth bool) {
	least := math.Inf(1)
	for _, f := range d.Filters(c) {
		if v := cost(f); v < least {
			best, least = f, v
		}
	}
	return best, least < d.Margin*direct
}
