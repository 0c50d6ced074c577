package kernel

// Activation names a pointwise function that a product or a normalisation may apply to its result in the same pass.
// Each of these has a derivative that follows from its output alone.
type Activation int

const (
	NoActivation Activation = iota
	ReLU
	LeakyReLU // slope given beside it
	Tanh
	Sigmoid
)

// Gemm describes C = act(op(A)·op(B) + bias), or C += op(A)·op(B), for a batch of row-major matrices.
type Gemm struct {
	M, N, K        int  // op(A) is M×K, op(B) is K×N, C is M×N
	TransA, TransB bool // A is stored K×M, B is stored N×K
	LdA, LdB, LdC  int  // distance between stored rows, in elements

	Batch                     int // number of products; 0 means 1
	StrideA, StrideB, StrideC int // distance between matrices of a batch; 0 repeats the same one (A and B only)

	Accumulate bool // add to C; excludes bias and activation
	Act        Activation
	Slope      float64 // of LeakyReLU

	Constant uint64 // if not 0, names B's elements, as Conv.Constant does w's
}

// Conv describes a two-dimensional convolution (cross-correlation, as in every deep-learning framework).
//
//	x [N, H, W, C]   w [KH, KW, C/Groups, O]   y [N, OH, OW, O]
//	y[n, i, j, o] = Σ x[n, i·StrideH + a·DilationH − PadH, j·StrideW + b·DilationW − PadW, c] · w[a, b, c, o]
//
// NaN reaches every result that depends on it. Kernels may compute neighbouring results from common sums (Winograd's
// algorithm); then NaN may reach the neighbours too, which are less than 3 outputs away or, in the gradient of the
// weights, other positions in the kernel for the same channel, and an infinity may come out as NaN.
type Conv struct {
	N, H, W, C           int
	O, OH, OW            int
	KH, KW               int
	StrideH, StrideW     int
	PadH, PadW           int
	DilationH, DilationW int
	Groups               int
	Act                  Activation // of Conv2d's and Conv2dBackwardInput's result
	Slope                float64    // of LeakyReLU

	// Constant, if not 0, names w's elements, which stay what they are for all calls with that name: what a kernel makes of them
	// may be kept.
	Constant uint64
}

// Products are the kernels in which the floating-point operations are.
type Products interface {
	// Gemm multiplies matrices; bias (N elements, added to every row) may be nil.
	Gemm(g Gemm, a, b, bias, c Buffer)
	// Conv2d convolves x with w; bias (O elements) may be nil.
	Conv2d(c Conv, x, w, bias, y Buffer)
	// Conv2dBackwardInput is the adjoint of Conv2d in x, and so the forward pass of a transposed convolution, for
	// which it takes a bias (C elements) and an activation; bias may be nil.
	Conv2dBackwardInput(c Conv, gy, w, bias, gx Buffer)
	// Conv2dBackwardWeight is the adjoint of Conv2d in w.
	Conv2dBackwardWeight(c Conv, x, gy, gw Buffer)
}

// LinearGrad describes the gradients of a linear layer y = act(x·w + bias), for x [Rows, In] and w [In, Out]. With
// g = gy·act'(y) they are gx = g·wᵀ, gw = xᵀ·g, and gbias, the sum of g's rows.
type LinearGrad struct {
	Rows, In, Out int
	Act           Activation
	Slope         float64
}

// LinearGradients is for devices that compute all gradients of some linear layers at once in less time than one after
// the other: because what is near in time is near in the caches, or because every call takes time.
type LinearGradients interface {
	// FasterLinearGrad reports whether the layer is one of those. Only then may the others be called.
	FasterLinearGrad(l LinearGrad) bool
	// LinearGrad computes them. y may be nil without an activation, gx and gbias where they aren't wanted. What gy holds
	// afterwards is undefined.
	LinearGrad(l LinearGrad, x, w, y, gy, gx, gw, gbias Buffer)
}

// LinearGradStepper is for devices with LinearGradients that gain by stepping weights while their gradient is in the caches.
type LinearGradStepper interface {
	// LinearGradStep computes gx and gbias, and steps w, which is w.P, by gw as AdamStep would, without leaving gw anywhere.
	LinearGradStep(l LinearGrad, a Adam, w AdamParam, x, y, gy, gx, gbias Buffer)
}
