package kernel

// AttentionTile is the number of queries, and of keys, in a tile of an AttentionMask.
const AttentionTile = 32

// AttentionMask says which keys each query attends to. Queries and keys are numbered by their position in the sequence. A place is
// an index into Order, which lists the positions so that the keys of a query are close together: then more tiles are fully masked,
// and are skipped.
type AttentionMask struct {
	Queries, Keys int
	Rows          Buffer // int32 [Queries, Words]: bit k%32 of word k/32 is 1 if the query attends to key k
	Bits          Buffer // the same, indexed by places
	Order         Buffer // int32 [Queries]: the position at each place; nil where they are the same
	// Tiles (int32) lists, for each tile of queries, the tiles of keys that are not fully masked, in ascending order: twice the number
	// of the tile, plus 1 if nothing in it is masked. Starts (int32, one more than tiles of queries) is where each list begins and ends.
	Starts, Tiles Buffer
}

// Words is the number of words in a row of bits.
func (m *AttentionMask) Words() int { return (m.Keys + 31) / 32 }

// Attention describes y = softmax(Scale·q·kᵀ)·v (Vaswani et al., 2017, eq. 1) for Batch sequences and Heads heads of Dim
// features. Head h of token i of sequence b begins at element b·BatchX + i·RowX + h·Dim of buffer X: Q, K, V or Y.
//
// A query attends to the keys that Mask and keep allow; nil allows all. The result of a query without any is 0. NaN and infinite
// values may also reach queries that don't attend to them, as 0·∞.
type Attention struct {
	Batch, Heads, Dim              int
	Queries, Keys                  int
	First                          int // row of the mask for query 0
	Scale                          float64
	RowQ, RowK, RowV, RowY         int
	BatchQ, BatchK, BatchV, BatchY int
	Mask                           *AttentionMask
}

// Rotary describes rotary embedding (Su et al., 2021, eq. 34): for token i of Tokens, in each of Groups groups of Dim features, the
// pair j < Pairs of neighbouring features is rotated by the angle with cos[i, j] and sin[i, j]. Other features stay as they are,
// but an infinity or a NaN among them may also reach its neighbour, as ∞·0. Inverse rotates back.
type Rotary struct {
	Batch, Tokens, Groups, Dim int
	Pairs                      int
	Inverse                    bool
}

// Sequences are the kernels of transformers.
type Sequences interface {
	// Attention writes y and, unless it is nil, logSum [Batch, Heads, Queries]: the logarithm of the denominator of each softmax.
	// keep (int32 [Batch, Keys], may be nil) is 0 for keys that are masked.
	Attention(a Attention, q, k, v, keep, y, logSum Buffer)
	// AttentionGrad is its adjoint. The gradients are laid out as q, k and v. Queries and Keys must be those of the mask.
	AttentionGrad(a Attention, q, k, v, keep, y, logSum, gy, gq, gk, gv Buffer)
	// Rotary rotates x [Batch, Tokens, Groups, Dim]; y may be x.
	Rotary(r Rotary, cos, sin, x, y Buffer)
	// GatedGELU sets y [rows, n] = a·GELU(b) for rows [a, b] of 2n numbers of x (Shazeer, 2020, GEGLU).
	GatedGELU(rows, n int, x, y Buffer)
	// GatedGELUGrad is its adjoint.
	GatedGELUGrad(rows, n int, x, gy, gx Buffer)
}
