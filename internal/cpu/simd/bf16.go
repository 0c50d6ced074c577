package simd

// BF16 are the kernels of products of numbers rounded to bfloat16 (Intel, "BFLOAT16 – Hardware Numerics Definition",
// 2018), summed in float32. Where a float32 tile has a number, these have a pair of numbers that follow each other along
// the depth, in the same 32 bits; otherwise their arguments are the same, Tile's K being the number of pairs. Numbers
// below float32's normal range count as zero.
//
// The kernels that split make two bfloat16 numbers of one, the second being the rest that the first leaves. Of a finite
// number they keep 16 bits or more, an infinity becomes ±1 and itself, and not-a-number stays that.
type BF16 struct {
	Rows, Columns   [2][]func(*Tile)
	Pair, PairSplit [3]func(*Pairing) // by the number of vectors across less one
	Round           func(*Rounding)
	RoundSplit      func(*Rounding)
}
