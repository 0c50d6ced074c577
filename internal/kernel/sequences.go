package kernel

// AttentionTile is the number of queries, and of keys, in a tile of an AttentionMask.
const AttentionTile = 32

// AttentionMask says which keys each query sees. Queries and keys are positions of a sequence; places are positions in
// an order in which what is seen lies close together, so that whole tiles of places can be skipped.
type AttentionMask struct {
	Queries, Keys int
	Rows          Buffer // int32 [Queries, Words]: bit k%32 of word k/32 tells whether the query sees key k
	Bits          Buffer // the same with places for positions
	Order         Buffer // int32 [Queries]: the position at each place; nil where they are the same
	// Starts (int32, a tile of queries and one more) cuts Tiles into a list for each tile of queries: twice the number
	// of a tile of keys of which something is seen, plus 1 if all of it is.
	Starts, Tiles Buffer
}

// Words is the number of words in a row of bits.
func (m *AttentionMask) Words() int { return (m.Keys + 31) / 32 }

// Attention describes y = softmax(Scale·q·kᵀ)·v (Vaswani et al., 2017, eq. 1) for Batch sequences and Heads heads of Dim
// features. Head h of token i of sequence b begins at element b·Batch… + i·Row… + h·Dim of its buffer.
//
// A query sees the keys that Mask and keep allow; nil allows all. One that sees none yields 0. A value that is not finite
// may reach queries that don't see it, as 0·∞.
type Attention struct {
	Batch, Heads, Dim              int
	Queries, Keys                  int
	First                          int // row of the mask that query 0 has
	Scale                          float64
	RowQ, RowK, RowV, RowY         int
	BatchQ, BatchK, BatchV, BatchY int
	Mask                           *AttentionMask
}

// Rotary describes the rotation of pairs of neighbouring features (Su et al., 2021, eq. 34): for token i of Tokens and each
// of Groups groups of Dim features, feature pair j < Pairs is turned by the angle with cos[i, j] and sin[i, j]. Features
// beyond the pairs stay as they are. Inverse turns back.
type Rotary struct {
	Batch, Tokens, Groups, Dim int
	Pairs                      int
	Inverse                    bool
}

// Sequences are the kernels of transformers.
type Sequences interface {
	// Attention writes y, and into logSum [Batch, Heads, Queries], which may be nil, the logarithm of each softmax's
	// denominator. keep [Batch, Keys] (int32, may be nil) is 0 where a key must not be seen.
	Attention(a Attention, q, k, v, keep, y, logSum Buffer)
	// AttentionGrad is its adjoint. The gradients lie as q, k and v do. Queries and keys must be as many as the mask's.
	AttentionGrad(a Attention, q, k, v, keep, y, logSum, gy, gq, gk, gv Buffer)
	// Rotary turns x [Batch, Tokens, Groups, Dim]; y may be x.
	Rotary(r Rotary, cos, sin, x, y Buffer)
	// GatedGELU sets y [rows, n] = a·GELU(b) for rows [a, b] of 2n numbers of x (Shazeer, 2020, GEGLU).
	GatedGELU(rows, n int, x, y Buffer)
	// GatedGELUGrad is its adjoint.
	GatedGELUGrad(rows, n int, x, gy, gx Buffer)
}
