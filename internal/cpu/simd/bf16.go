package simd

// BF16 are microkernels that multiply bfloat16 numbers (Intel, "BFLOAT16 – Hardware Numerics Definition", 2018) and sum in float32.
// Their arguments are those of the float32 microkernels, but 32 bits hold a pair of numbers that follow each other along the
// depth, and Tile.K counts pairs. Denormal float32 numbers count as zero.
//
// The kernels that split turn a number into two bfloat16 numbers: the rounded number and the rest, rounded. A finite number keeps 16
// bits or more; an infinity becomes ±1 and itself; NaN stays NaN.
type BF16 struct {
	Rows, Columns   [2][]func(*Tile)
	Pair, PairSplit [3]func(*Pairing) // by the number of vectors across less one
	Round           func(*Rounding)
	RoundSplit      func(*Rounding)
}
