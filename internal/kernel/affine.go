package kernel

// AffineMap describes affine maps of numbers x [Rows, Cols], each with two parameters t and u of its own:
//
//	y = x·exp(s) + t    s = u/(1 + |u|/Clip)
//
// The Inverse is y = (x − t)·exp(−s). The logarithm of the derivative is s, or −s in the Inverse.
//
// params [Rows, Cols, 2] holds t and then u. Rows of x, params, y and the logarithms begin LdX, LdParams, LdY and LdSlope numbers
// apart, so that columns of wider rows are mapped in place.
type AffineMap struct {
	Rows, Cols                  int
	Clip                        float64
	Inverse                     bool
	LdX, LdParams, LdY, LdSlope int
}

// NewAffineMap describes maps of rows that follow each other without a gap.
func NewAffineMap(rows, cols int, clip float64, inverse bool) AffineMap {
	return AffineMap{Rows: rows, Cols: cols, Clip: clip, Inverse: inverse, LdX: cols, LdParams: 2 * cols, LdY: cols, LdSlope: cols}
}

// AffineMaps are kernels that compute affine maps in one pass. Where a device lacks them, they are composed.
type AffineMaps interface {
	// AffineMap writes y and the logarithms of the derivatives.
	AffineMap(a AffineMap, x, params, y, logSlope Buffer)
	// AffineMapGrad is its adjoint. It computes the maps again from x, and overwrites gx and gparams. gy and gx have the strides of
	// y and x, gLogSlope those of the logarithms.
	AffineMapGrad(a AffineMap, x, params, gy, gLogSlope, gx, gparams Buffer)
}
