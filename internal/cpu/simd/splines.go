package simd

// SplineBlock is the number of splines that the passes of splines compute together.
const SplineBlock = 64

// Rows of the matrix [SplineRows, SplineBlock] of a block of splines.
const (
	SplineV      = iota // the number
	SplineX             // where its piece begins, and its width
	SplineW             //
	SplineY             // the function there, and the piece's height
	SplineH             //
	SplineD0            // slopes at the piece's ends
	SplineD1            //
	SplineBin           // number of the piece
	SplineWide          // factors from weights to widths and heights beyond the least
	SplineHigh          //
	SplineGY            // gradients of the value and of the logarithm of the slope
	SplineGLog          //
	SplineGV            // gradient of the number
	SplineStartW        // gradients of X and W, and their mean over the probabilities of the widths
	SplineSizeW         //
	SplineDotW          //
	SplineStartH        // the same for heights
	SplineSizeH         //
	SplineDotH          //
	SplineG0            // gradients of the parameters of D0 and D1
	SplineG1            //
	SplineRows
)
