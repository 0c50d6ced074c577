package kernel

// RowProduct describes a skinny product with what surrounds it in a transformer, y = Residual + Scale·gate(in(x)·w + bias), as in
// decoding with a KV cache, where each sequence has one new position. x is [Rows, In], y [Rows, Out], w [In, Width()], or
// [Width(), In] with TransW, and bias [Width()] may be nil.
//
// in(x) is (x + Twin)/2 if there is a Twin; then, with Norm, LayerNorm of that; then, if there are Inputs, its token shift.
type RowProduct struct {
	Rows, In, Out int
	TransW        bool

	Twin Buffer // [Rows, In], or nil

	Norm        bool
	Eps         float64
	Gamma, Beta Buffer // [In], or nil

	// Inputs [Rows, Capacity, In], or nil, is the cache of the token shift. It has the rows before Position of each sequence, and
	// the new row is stored at Position. Then quarter q of the row is replaced by that of the row at Sources[q] ≤ Position, or by
	// zeros where that is negative. In is a multiple of 4.
	Inputs             Buffer
	Capacity, Position int
	Sources            [4]int32

	Gated bool // gate is GatedGELU, which halves the width; otherwise it is the identity

	Scale, Residual Buffer // [Out] and [Rows, Out]; nil together
}

// Width is the number of columns of w: Out, or 2·Out if Gated.
func (p RowProduct) Width() int {
	if p.Gated {
		return 2 * p.Out
	}
	return p.Out
}

// CachedAttention describes causal attention with a KV cache, of the token at Position of each of Batch sequences. qkv
// [Batch, 3, Heads, Dim] has its query, key and value, to which Rotary is applied first for Pairs pairs of features. keys and values
// [Batch, Capacity, Heads·Dim] are the cache; they have the rotated ones of earlier tokens, and those of this token are stored.
type CachedAttention struct {
	Batch, Heads, Dim, Pairs int
	Capacity, Position       int
	Scale                    float64
	Mask                     *AttentionMask // with a row for Position; nil: no mask
}

// Draw describes how a code is sampled from each row of logits [Pictures, Codes]. With Twins there are twice as many rows, the second
// half without the caption, for classifier-free guidance: logits become without + (with − without)·Guidance, in float32.
//
// Top-k sampling keeps the TopK largest logits, the first among equals; 0 keeps all. The code is found by inverse-CDF sampling, in
// float64, with probabilities proportional to e^(logit/Temperature). At Temperature 0 it is the first of the largest logits
// (greedy).
type Draw struct {
	Pictures, Codes int
	Twins           bool
	Guidance        float64
	Temperature     float64
	TopK            int
}

// Errors that Draw returns in place of a code.
const (
	DrawnNaN      = -1 // a logit is NaN
	DrawnInfinite = -2 // a logit is +∞
	DrawnNone     = -3 // all logits are −∞
)

// Decoding is for devices on which launches take most of the time of decoding: each of its kernels replaces several others.
type Decoding interface {
	// FasterRowProduct reports whether RowProduct is faster than the kernels that it replaces. Otherwise it must not be called.
	FasterRowProduct(p RowProduct) bool
	// RowProduct computes p; bias may be nil.
	RowProduct(p RowProduct, x, w, bias, y Buffer)
	// AttendCached writes y [Batch, Heads·Dim]. cos and sin [Pairs] are the angles of Position.
	AttendCached(a CachedAttention, qkv, cos, sin, keys, values, y Buffer)
	// Draw sets codes (int32 [Pictures], or [2, Pictures] with Twins, the same twice), and may change logits. uniform (int32
	// [Pictures, 2]) has two words for each picture, the higher first: a number of 53 bits, times 2⁻⁵³.
	Draw(d Draw, logits, uniform, codes Buffer)
}
