package kernel

// RowProduct describes y = Residual + Scale·gate(in(x)·w + bias) for few rows, as decoding with a cache has them: a position
// of each sequence. x is [Rows, In], y [Rows, Out], w [In, width], or [width, In] with TransW, and bias (width numbers) may be
// nil; width is that of Width.
//
// in(x) is (x + Twin)/2 where there is a Twin, then with Norm normalised as by LayerNorm and then, where there are Inputs,
// shifted.
type RowProduct struct {
	Rows, In, Out int
	TransW        bool

	Twin Buffer // [Rows, In], or nil

	Norm        bool
	Eps         float64
	Gamma, Beta Buffer // [In], or nil

	// Inputs [Rows, Capacity, In], or nil, gets the row at Position of each sequence, and has those before it. Quarter q of the
	// row then becomes that of the row at position Sources[q] of its sequence, at most Position, or zeros where that is
	// negative. In is a multiple of 4.
	Inputs             Buffer
	Capacity, Position int
	Sources            [4]int32

	Gated bool // gate is a·GELU(b) for a, b of Out numbers each, as GatedGELU's; otherwise it is the identity

	Scale, Residual Buffer // [Out] and [Rows, Out]; both or neither may be nil
}

// Width is the number of columns of w.
func (p RowProduct) Width() int {
	if p.Gated {
		return 2 * p.Out
	}
	return p.Out
}

// CachedAttention describes the attention of the token at Position of each of Batch sequences to those up to and including itself.
// qkv [Batch, 3, Heads, Dim] has its query, key and value, of which the first Pairs pairs of features are turned first, as by
// Rotary. Keys and Values [Batch, Capacity, Heads·Dim] have those of the tokens before, turned, and get its own.
type CachedAttention struct {
	Batch, Heads, Dim, Pairs int
	Capacity, Position       int
	Scale                    float64
	Mask                     *AttentionMask // with a row for Position, or nil
}

// Draw describes how a code is drawn from each of Pictures rows of logits [Pictures, Codes] or, with Twins, from twice as many, of
// which the second half is what is predicted without a caption: then the logits are without + (with − without)·Guidance, in
// float32.
//
// Those that may be drawn are the TopK largest, the first among equals, or all with 0. Their weights are e^(logit/Temperature), and
// the code is the one to which the number from uniform comes on the line of their weights, in float64. At Temperature 0 it is the
// first of the largest.
type Draw struct {
	Pictures, Codes int
	Twins           bool
	Guidance        float64
	Temperature     float64
	TopK            int
}

// What Draw gives instead of a code.
const (
	DrawnNaN      = -1 // a logit isn't a number
	DrawnInfinite = -2 // one is +∞
	DrawnNone     = -3 // all are −∞
)

// Decoding is for devices on which calls take the time where a transformer computes a position after the other: each stands for
// several of the other kernels.
type Decoding interface {
	// FasterRowProduct reports whether RowProduct takes less time than the calls that it stands for. Only then may it be called.
	FasterRowProduct(p RowProduct) bool
	RowProduct(p RowProduct, x, w, bias, y Buffer)
	// AttendCached writes y [Batch, Heads·Dim]. cos and sin [Pairs] are those of Position.
	AttendCached(a CachedAttention, qkv, cos, sin, keys, values, y Buffer)
	// Draw sets codes [Pictures] (int32), twice behind each other with Twins, and may change logits. uniform (int32) has two
	// words for each picture, the higher first: a number of 53 bits that stands for itself times 2⁻⁵³.
	Draw(d Draw, logits, uniform, codes Buffer)
}
