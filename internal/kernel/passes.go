package kernel

// Unary names a pointwise function of one variable x, with parameter a.
type Unary int

const (
	Scale        Unary = iota // a·x
	AddScalar                 // x + a
	Exp                       // eˣ; it may be 0 where that is a denormal number
	Log                       // ln x
	Sqrt                      // √x
	Square                    // x²
	Reciprocal                // 1/x
	Abs                       // |x|, with derivative 0 at 0
	Tanh                      // tanh x
	Sigmoid                   // 1/(1+e⁻ˣ)
	ReLU                      // max(x, 0)
	LeakyReLU                 // x where x > 0, else a·x
	GELU                      // x·Φ(x), with the exact Gaussian distribution function (Hendrycks & Gimpel, 2016)
	SiLU                      // x·sigmoid(x)
	Softplus                  // ln(1+eˣ)
	ClampMin                  // max(x, a); derivative 1 where x > a
	ClampMax                  // min(x, a); derivative 1 where x < a
	UnaryOpCount              // number of functions above
)

// Binary names a pointwise function of two variables.
type Binary int

const (
	Add Binary = iota
	Sub
	Mul
	Div
	Maximum
	Minimum
	BinaryOpCount // number of functions above
)

// MaxDims is the largest number of dimensions of a tensor.
const MaxDims = 6

// Dims is a list of up to MaxDims sizes or strides that needs no allocation; unused entries follow the used ones.
type Dims [MaxDims]int

// Broadcast describes a pointwise combination of two operands over a common shape. The result is contiguous; a stride of 0 repeats
// an operand along that dimension. The caller has merged the dimensions that can be merged.
type Broadcast struct {
	Rank             int
	Shape            Dims
	StrideA, StrideB Dims
}

// PairLoss names a loss summed over pairs of numbers.
type PairLoss int

const (
	SquaredError PairLoss = iota // (a−b)²
	SmoothL1                     // ½d²/β for d = |a−b| < β, else d − ½β (Girshick, 2015)
)

// Elementwise are the pointwise kernels.
type Elementwise interface {
	// Fill sets all elements.
	Fill(y Buffer, value float64)
	// Unary sets y = op(x); y may be x.
	Unary(op Unary, a float64, x, y Buffer)
	// UnaryGrad sets gx = gy · op'(x), where y = op(x); gx may be gy. x or y may be nil where UnaryNeeds says so.
	UnaryGrad(op Unary, a float64, x, y, gy, gx Buffer)
	// Binary sets y = op(a, b); y may be a or b when that operand is not broadcast.
	Binary(op Binary, s Broadcast, a, b, y Buffer)
	// AddScaled sets y += a·x.
	AddScaled(a float64, x, y Buffer)
	// AddProduct sets out [rows, n] = x + y·s, for s [groups, n]: each row of s is that of the next rows/groups rows.
	AddProduct(rows, n int, x, y, s, out Buffer)
	// ActivationGrad sets gx = gy · act', for the output y of the activation; gx may be gy.
	ActivationGrad(act Activation, slope float64, y, gy, gx Buffer)
	// PairLoss sets out[0] = scale · Σ loss(aᵢ, bᵢ).
	PairLoss(loss PairLoss, beta, scale float64, a, b, out Buffer)
	// PairLossGrad sets ga = scale · g[0] · ∂loss/∂a; the gradient in b is its negative.
	PairLossGrad(loss PairLoss, beta, scale float64, a, b, g, ga Buffer)
}

// UnaryNeeds reports which of op's input and output UnaryGrad reads.
func UnaryNeeds(op Unary) (x, y bool) {
	switch op {
	case Scale, AddScalar:
		return false, false
	case Exp, Sqrt, Reciprocal, Tanh, Sigmoid, ReLU, LeakyReLU:
		return false, true
	}
	return true, false
}

// Reduce names a reduction.
type Reduce int

const (
	Sum Reduce = iota
	Max
)

// Span views a tensor as [Outer, N, Inner], for kernels along the middle dimension.
type Span struct{ Outer, N, Inner int }

// Reductions combine numbers, always in the same order.
type Reductions interface {
	// Reduce sets y [Outer, Inner] = scale · op over N of x.
	Reduce(op Reduce, s Span, scale float64, x, y Buffer)
	// ActivationBiasGrad is ActivationGrad for gx [rows, n], and sets gbias to the sum of its rows; gx may be gy.
	ActivationBiasGrad(act Activation, slope float64, rows, n int, y, gy, gx, gbias Buffer)
	// SumTo sums x, of the broadcast's shape, to an operand with strides StrideA: the adjoint of broadcasting.
	SumTo(s Broadcast, x, y Buffer)
	// Softmax sets y = exp(x − max) / Σ, along N, or its logarithm.
	Softmax(log bool, s Span, x, y Buffer)
	// SoftmaxGrad is its adjoint, given its output y; gx may be gy.
	SoftmaxGrad(log bool, s Span, y, gy, gx Buffer)
	// CrossEntropy sets losses[r] = −log softmax(logits[r])[label[r]], in nats; a negative label gives 0.
	CrossEntropy(rows, classes int, logits, labels, losses Buffer)
	// CrossEntropyGrad sets g[r] = scale[r] · (softmax(logits[r]) − onehot(label[r])); a negative label gives 0.
	// g may be logits.
	CrossEntropyGrad(rows, classes int, logits, labels, scale, g Buffer)
	// ArgMax sets index[o] to the position of the largest of the n numbers of row o, the first among equals; NaN is larger than
	// any number.
	ArgMax(rows, n int, x, index Buffer)
}

// BatchNorm describes normalisation of each of Channels columns over Rows rows (Ioffe & Szegedy, 2015), followed by
// an activation:
//
//	y = act((x − mean)/√(variance + Eps)·gamma + beta)
//
// The variance divides by Rows, or by Rows−1 when Unbiased. With Fixed, mean and variance are inputs, otherwise they are computed and
// update the running statistics. With LogGamma, gamma holds the logarithms of the scales.
type BatchNorm struct {
	Rows, Channels int
	Eps            float64
	Unbiased       bool
	Fixed          bool
	LogGamma       bool
	Act            Activation
	Slope          float64
	Running        Running
}

// Running holds the running statistics [Channels], or nil buffers. Each batch updates them as in PyTorch, where the variance of the
// batch divides by Rows−1:
//
//	running = (1 − Momentum)·running + Momentum·batch
type Running struct {
	Mean, Variance Buffer
	Momentum       float64
}

// Normalisation are the kernels of normalisation layers.
type Normalisation interface {
	// BatchNorm writes y, and mean and variance (Channels) unless they are Fixed; gamma and beta may be nil (1 and 0).
	BatchNorm(b BatchNorm, x, gamma, beta, mean, variance, y Buffer)
	// BatchNormLogDet sets logDet[0] = before[0] + Σ (gamma − ½·log(variance + Eps)), the log-determinant of the Jacobian of a
	// BatchNorm with LogGamma, for each row; before may be nil.
	BatchNormLogDet(b BatchNorm, gamma, variance, before, logDet Buffer)
	// BatchNormGrad is the adjoint of both. gLogDet [1] is nil if there was no BatchNormLogDet. gx, ggamma and gbeta may be nil;
	// y may be nil without an activation.
	BatchNormGrad(b BatchNorm, x, gamma, mean, variance, y, gy, gLogDet, gx, ggamma, gbeta Buffer)
	// LayerNorm normalises each row of n numbers (Ba et al., 2016) and writes mean and rstd [rows]. gamma and beta [groups, n] may
	// be nil: each of their rows is that of the next rows/groups rows.
	LayerNorm(rows, n int, eps float64, x, gamma, beta, y, mean, rstd Buffer)
	// LayerNormGrad is its adjoint for one group; gamma, ggamma and gbeta may be nil.
	LayerNormGrad(rows, n int, x, gamma, mean, rstd, gy, gx, ggamma, gbeta Buffer)
	// GroupNorm writes y, and mean and rstd [Pictures, Groups]; gamma and beta [Channels] may be nil (1 and 0).
	GroupNorm(g GroupNorm, x, gamma, beta, y, mean, rstd Buffer)
	// GroupNormGrad is its adjoint; gamma, beta, gx, ggamma and gbeta may be nil.
	GroupNormGrad(g GroupNorm, x, gamma, beta, mean, rstd, gy, gx, ggamma, gbeta Buffer)
}

// Strided describes a copy between two strided views of a common shape; offsets and strides count elements.
type Strided struct {
	Rank                 int
	Shape                Dims
	OffsetDst, OffsetSrc int
	StrideDst, StrideSrc Dims
}

// Contiguous describes the copy of n contiguous elements.
func Contiguous(n int) Strided {
	return Strided{Rank: 1, Shape: Dims{n}, StrideDst: Dims{1}, StrideSrc: Dims{1}}
}

// Simplified describes the same copy in as few dimensions as possible: without those of one element, and neighbours as one where
// both views walk through them evenly. So the last dimension is as long as can be.
func (s Strided) Simplified() Strided {
	out := Strided{OffsetDst: s.OffsetDst, OffsetSrc: s.OffsetSrc}
	for dim := range s.Rank {
		n, dst, src := s.Shape[dim], s.StrideDst[dim], s.StrideSrc[dim]
		if n == 1 {
			continue
		}
		if last := out.Rank - 1; last >= 0 && out.StrideDst[last] == n*dst && out.StrideSrc[last] == n*src {
			out.Shape[last], out.StrideDst[last], out.StrideSrc[last] = out.Shape[last]*n, dst, src
			continue
		}
		out.Shape[out.Rank], out.StrideDst[out.Rank], out.StrideSrc[out.Rank] = n, dst, src
		out.Rank++
	}
	return out
}

// Movement are the kernels that rearrange elements.
type Movement interface {
	// Copy copies src to dst as s describes, of any element type: transposition, slicing, concatenation and expansion.
	Copy(s Strided, dst, src Buffer)
	// Gather sets y[o, j, i] = x[o, index[j], i] for x [Outer, N, Inner] and len(index) entries j; an index of −1
	// gives 0.
	Gather(s Span, x, index, y Buffer)
	// ScatterAdd sets y [Outer, N, Inner] to 0 and adds x[o, j, i] to y[o, index[j], i]: Gather's adjoint.
	ScatterAdd(s Span, x, index, y Buffer)
	// SparseProduct sets y = S·x for x [Columns, Width] and y [Rows, Width]. S is in compressed rows: row r of y is the sum of
	// weights[k]·x[index[k]], for k from begins[r] to begins[r+1]−1 in this order. begins rises from 0 to the number of weights.
	SparseProduct(s Sparse, begins, index, weights, x, y Buffer)
}

// Sparse are the sizes of a product of a sparse matrix [Rows, Columns] with a matrix [Columns, Width].
type Sparse struct{ Rows, Columns, Width int }

// Random are the kernels that generate numbers, from the Philox 4×32-10 stream (Salmon et al., 2011) of a key. Element i of the
// output is number offset+i of the stream, on every device.
type Random interface {
	Uniform(key, offset uint64, y Buffer) // [0, 1)
	Normal(key, offset uint64, y Buffer)  // standard normal
	// Dropout sets y = x/(1−p) where the stream keeps the element, else 0; y may be x. Its adjoint is itself.
	Dropout(p float64, key, offset uint64, x, y Buffer)
}

// Adam describes a step of Adam (Kingma & Ba, 2015) or AdamW (Loshchilov & Hutter, 2019), with PyTorch's semantics. Moments that would
// be denormal numbers may become 0.
type Adam struct {
	LearningRate, Beta1, Beta2, Eps float64
	Step                            int     // counts from 1
	GradScale                       float64 // every gradient is multiplied by it first
	Decoupled                       bool    // AdamW: shrink the weights by LearningRate·decay instead of adding decay·p to the gradient
}

// AdamParam is a parameter with its gradient, moments and weight decay.
type AdamParam struct {
	P, G, M, V  Buffer
	WeightDecay float64
}

// Optimisation are the kernels of optimizers.
type Optimisation interface {
	// AdamStep updates parameters and moments.
	AdamStep(a Adam, params []AdamParam)
	// SumSquares returns the sum of squares of all elements of xs; it is not finite if an element is not.
	SumSquares(xs []Buffer) float64
	// Lerp sets y += w·(x − y).
	Lerp(w float64, x, y Buffer)
}
