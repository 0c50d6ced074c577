package kernel

// Activation names a pointwise function that products and normalisations can apply in their epilogue. Its derivative is a function
// of its output. The exception is ActGELU: only Gemm applies it, and ActivationGrad doesn't take it.
type Activation int

const (
	ActNone Activation = iota
	ActReLU
	ActLeakyReLU // slope given beside it
	ActTanh
	ActSigmoid
	ActGELU // see GELU
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
	Slope      float64 // of ActLeakyReLU

	Constant uint64 // as Conv.Constant, for B
}

// Conv describes a two-dimensional convolution (cross-correlation, as in every deep-learning framework).
//
//	x [N, H, W, C]   w [KH, KW, C/Groups, O]   y [N, OH, OW, O]
//	y[n, i, j, o] = Σ x[n, i·StrideH + a·DilationH − PadH, j·StrideW + b·DilationW − PadW, c] · w[a, b, c, o]
//
// NaN reaches every result that depends on it. By Winograd's algorithm, which computes neighbouring results from common sums, NaN may
// also reach results less than 3 outputs away or, in the gradient of the weights, other taps of the same channel; and an infinity
// may give NaN. The latter also holds for the gradient of the weights with few outputs. Groups of few channels may be computed with
// neighbouring groups, so that NaN and infinities reach these too.
type Conv struct {
	N, H, W, C           int
	O, OH, OW            int
	KH, KW               int
	StrideH, StrideW     int
	PadH, PadW           int
	DilationH, DilationW int
	Groups               int
	Act                  Activation // of Conv2d's and Conv2dBackwardInput's result
	Slope                float64    // of ActLeakyReLU

	// Constant, if not 0, identifies the contents of w, which are the same in all calls with that number. Kernels may cache what
	// they compute from w.
	Constant uint64
}

// Products are matrix products and convolutions, which do most of the floating-point operations.
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

// LinearGradients is for devices on which one kernel computes all gradients of some linear layers faster than several kernels do:
// operands are still in the caches, or fewer launches are needed.
type LinearGradients interface {
	// FasterLinearGrad reports whether l is such a layer. Otherwise the kernel must not be called.
	FasterLinearGrad(l LinearGrad) bool
	// LinearGrad computes the gradients. y may be nil without an activation; gx and gbias may be nil. It may overwrite gy.
	LinearGrad(l LinearGrad, x, w, y, gy, gx, gw, gbias Buffer)
}

// LinearGradStepper is for devices with LinearGradients that save time by updating weights while their gradient is in the caches.
type LinearGradStepper interface {
	// LinearGradStep computes gx and gbias, and updates w (w.P) by gw as AdamStep does. gw itself is not stored; w.G is not used.
	LinearGradStep(l LinearGrad, a Adam, w AdamParam, x, y, gy, gx, gbias Buffer)
}
