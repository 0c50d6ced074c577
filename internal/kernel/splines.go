package kernel

// Spline describes monotone rational-quadratic splines (Durkan et al., 2019, eq. 4 to 8; Gregory & Delbourgo, 1982), one for
// each of Count numbers. A spline maps [−Bound, Bound] onto itself in Bins pieces; outside it is the identity.
//
// A row of params [Count, Params()] holds the logits of the bins' widths, then those of their heights, then one number for the
// slope at each inner knot. Widths are 2·Bound·(MinSize + (1 − Bins·MinSize)·softmax), and so are heights. The slope at both
// ends is 1.
type Spline struct {
	Count, Bins int
	Bound       float64
	MinSize     float64 // smallest width and height of a bin, as a part of the whole

	// SoftClip 0 makes slopes MinSlope + softplus(u). With c = SoftClip > 0, logits are u/(1 + 2|u|/c) and slopes
	// exp(u/(1 + |u|/c)), which lie between e^−c and e^c; MinSlope is not used.
	SoftClip, MinSlope float64

	// Circular splines are for angles: there is one slope more, the last, for both ends.
	Circular bool
	// Inverse computes the inverse functions.
	Inverse bool
}

// Slopes is the number of slopes that a spline has.
func (s Spline) Slopes() int {
	if s.Circular {
		return s.Bins
	}
	return s.Bins - 1
}

// Params is the number of parameters of a spline.
func (s Spline) Params() int { return 2*s.Bins + s.Slopes() }

// Splines are the kernels of spline flows.
type Splines interface {
	// Spline writes y [Count], and logSlope [Count], the logarithm of the derivative of the function that was computed.
	Spline(s Spline, x, params, y, logSlope Buffer)
	// SplineGrad is its adjoint. It computes the function again from x.
	SplineGrad(s Spline, x, params, gy, gLogSlope, gx, gparams Buffer)
}
