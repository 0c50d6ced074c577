package kernel

// GroupNorm describes group normalisation (Wu & He, 2018) of Pictures pictures [Pixels, Channels]. The Channels of a picture are cut
// into Groups of neighbours, and each group is normalised over its pixels and channels:
//
//	y = (x − mean)/√(variance + Eps)·gamma + beta
//
// With SiLU, y is y·sigmoid(y) of that (Elfwing et al., 2017). The variance divides by the number of elements. Groups divides Channels.
type GroupNorm struct {
	Pictures, Pixels, Channels, Groups int
	Eps                                float64
	SiLU                               bool
}

// Windows describes large pictures [N, H, W, C] that are cut into windows of Factor×Factor pixels, and small pictures
// [N, H/Factor, W/Factor, C] with a pixel for each window. Factor divides H and W.
type Windows struct{ N, H, W, C, Factor int }

// Large is the number of elements of the large pictures.
func (w Windows) Large() int { return w.N * w.H * w.W * w.C }

// Small is the number of elements of the small pictures.
func (w Windows) Small() int { return w.N * (w.H / w.Factor) * (w.W / w.Factor) * w.C }

// Pool describes pooling over windows of KH×KW pixels, which may overlap:
//
//	x [N, H, W, C]   y [N, OH, OW, C]
//	y[n, i, j, c] sums up x[n, i·StrideH + a − Top, j·StrideW + b − Left, c] for a < KH and b < KW
//
// Pixels outside of the picture are left out. Each window has at least one pixel of the picture.
type Pool struct {
	N, H, W, C       int
	OH, OW           int
	KH, KW           int
	StrideH, StrideW int
	Top, Left        int
}

// Input is the number of elements of x.
func (p Pool) Input() int { return p.N * p.H * p.W * p.C }

// Output is the number of elements of y.
func (p Pool) Output() int { return p.N * p.OH * p.OW * p.C }

// Depthwise describes a depth-wise convolution (Chollet, 2017): each channel is convolved with a kernel of its own.
//
//	x [N, H, W, C]   w [KH, KW, C]   y [N, OH, OW, C]
//	y[n, i, j, c] = bias[c] + Σ x[n, i·StrideH + a·DilationH − Top, j·StrideW + b·DilationW − Left, c] · w[a, b, c]
//
// Pixels outside of the picture are 0. OH and OW imply the padding at the bottom and at the right, which may differ from Top and
// Left, as with TensorFlow's SAME.
type Depthwise struct {
	N, H, W, C           int
	OH, OW               int
	KH, KW               int
	StrideH, StrideW     int
	DilationH, DilationW int
	Top, Left            int
}

// Input is the number of elements of x.
func (c Depthwise) Input() int { return c.N * c.H * c.W * c.C }

// Weights is the number of elements of w.
func (c Depthwise) Weights() int { return c.KH * c.KW * c.C }

// Output is the number of elements of y.
func (c Depthwise) Output() int { return c.N * c.OH * c.OW * c.C }

// Pictures are the kernels that change the resolution of pictures, pooling, and depth-wise convolutions.
type Pictures interface {
	// Depthwise convolves x with w; bias (C elements) may be nil.
	Depthwise(c Depthwise, x, w, bias, y Buffer)
	// DepthwiseGradInput is its adjoint in x.
	DepthwiseGradInput(c Depthwise, gy, w, gx Buffer)
	// DepthwiseGradWeight is its adjoint in w.
	DepthwiseGradWeight(c Depthwise, x, gy, gw Buffer)
	// Upsample sets the pixels of each window of y, large, to scale times the pixel of x, small.
	Upsample(w Windows, scale float64, x, y Buffer)
	// SumWindows sets each pixel of y, small, to scale times the sum of the window of x, large: Upsample's adjoint.
	SumWindows(w Windows, scale float64, x, y Buffer)
	// MaxPool sets each number of y to the largest of its window of x. NaN is larger than any number.
	MaxPool(p Pool, x, y Buffer)
	// MaxPoolGrad is its adjoint: each number of gy is added to gx at the first of the largest numbers of its window, and gx is 0
	// elsewhere. A window is read row by row.
	MaxPoolGrad(p Pool, x, gy, gx Buffer)
	// Blur convolves each channel of x, large, with [1 3 3 1]⊗[1 3 3 1]/64 at stride 2 (Zhang, 2019). Factor is 2. The pixel of a
	// window at row i and column j of y is the sum over rows 2i−1 … 2i+2 and columns 2j−1 … 2j+2 of x. Those outside of the
	// picture are reflected: −1 is 1, and H is H−2.
	Blur(w Windows, x, y Buffer)
	// BlurGrad is its adjoint.
	BlurGrad(w Windows, gy, gx Buffer)
}
