package simd

import "unsafe"

//go:generate go run -C ../asm ./products

// Tile is the argument of the microkernels, which compute a register tile of a product:
//
//	rows:     C[r][j] = Σ over t < Taps, k < K of  A[t][r][k] · B[t·K+k][j]
//	columns:  C[r][j] = Σ over k < K of            A[k][r] · B[k][j]
//
// Their epilogue adds the old C (Accumulate) and a bias, and applies a rectifier. The rows of A and C have an address each, so that
// a convolution needs no im2col copy (implicit GEMM). Addresses are plain numbers: the caller keeps the memory alive.
//
// Rows of B are read up to the tile's full width; nothing else is read or written beyond its end.
type Tile struct {
	A          *uintptr // addresses; rows: [Taps][height], columns: [K]
	AOffset    int      // added to the addresses in A, in bytes; columns only
	Taps       int      // rows only; 0 sums nothing
	K          int      // elements of a tap; not 0 unless Taps is
	B          uintptr
	BStride    int      // distance between B's rows, in bytes
	C          *uintptr // addresses, [height]
	COffset    int      // added to the addresses in C, in bytes
	Columns    int      // number of columns, from 1 to the tile's width
	Bias       uintptr  // bias of the first column, or 0
	Accumulate int
	Act        int // ActNone, ActReLU or ActLeakyReLU
	Slope      float32

	// Only for AMX.
	Height     int     // rows
	AStride    int     // distance between the rows of A of a tap, in bytes
	ALow, BLow int     // distances from numbers to their low parts, in bytes; only where operands are split
	Sums       uintptr // scratch memory of 32×32 numbers
	Panels     int     // panels of B, at least 1, each with Columns columns; B, COffset and Bias begin with the first and move on
	BPanel     int     // distance between panels, in bytes
	CStride    int     // 0, or the distance between the rows of C, in bytes, of a block of whole tiles whose sums are stored as they are
}

// Values of Tile.Act.
const (
	ActNone = iota
	ActReLU
	ActLeakyReLU
)

// Panel is the argument of the packing kernels, which copy Rows (at least 1) rows of up to a tile's width of columns one after the
// other.
type Panel struct {
	Dst       uintptr
	Src       uintptr
	SrcStride int // bytes
	Rows      int
	Columns   int
}

// Addition is the argument of the add kernels, which add Columns elements of each of Rows (at least 1) rows to Dst. They
// write up to a tile's full width there; elements behind the last column stay the same, but −0 becomes 0.
type Addition struct {
	Dst       uintptr
	DstStride int // bytes
	Src       uintptr
	SrcStride int // bytes
	Rows      int
	Columns   int
}

// Gathering is the argument of the gather kernel, which copies Columns elements (at most a vector) from each of Count (at least 1)
// addresses, to places a vector apart.
type Gathering struct {
	Dst     uintptr
	Rows    *uintptr // addresses
	Offset  int      // added to each, in bytes
	Count   int
	Columns int
}

// Pairing is the argument of the pairing kernels, which round Count (at least 1) pairs of rows to bfloat16, one after the other: a
// result row has 32 bits for each column, with the number of the first row in the lower half, and zeros fill its last vector.
// The kernels that split store low parts Low bytes behind the high ones.
type Pairing struct {
	Dst     uintptr
	Rows    *uintptr // addresses, [2·Count]
	Offset  int      // added to each, in bytes
	Count   int
	Columns int
	Low     int
}

// Rounding is the argument of the rounding kernels, which round Columns (at least 1) elements of each of Count (at least 1) rows to
// bfloat16, one row after the other, each filled up with zeros to a multiple of 32. The kernel that splits stores low parts Low
// bytes behind the high ones.
type Rounding struct {
	Dst     uintptr
	Rows    *uintptr // addresses
	Offset  int      // added to each, in bytes
	Count   int
	Columns int
	Low     int
}

// Transposition is the argument of the transpose kernel: Dst[k][r] = Rows[r][k] for r < 8, k < K.
type Transposition struct {
	Rows      *uintptr // [8] addresses
	Dst       uintptr
	DstStride int // bytes
	K         int
}

// The assembly has the offsets of the structs' fields.
var (
	_ = [1]int{}[unsafe.Offsetof(Tile{}.Slope)-96]
	_ = [1]int{}[unsafe.Offsetof(Tile{}.Height)-104]
	_ = [1]int{}[unsafe.Offsetof(Tile{}.Sums)-136]
	_ = [1]int{}[unsafe.Offsetof(Tile{}.CStride)-160]
	_ = [1]int{}[unsafe.Offsetof(Tile{}.Bias)-72]
	_ = [1]int{}[unsafe.Offsetof(Tile{}.C)-48]
	_ = [1]int{}[unsafe.Offsetof(Panel{}.Columns)-32]
	_ = [1]int{}[unsafe.Offsetof(Addition{}.Columns)-40]
	_ = [1]int{}[unsafe.Offsetof(Gathering{}.Columns)-32]
	_ = [1]int{}[unsafe.Offsetof(Pairing{}.Low)-40]
	_ = [1]int{}[unsafe.Offsetof(Rounding{}.Low)-40]
	_ = [1]int{}[unsafe.Offsetof(Transposition{}.K)-24]
)

// Products are the microkernels of a level. Families are indexed by the number of vectors across less one, tiles then by their
// height.
type Products struct {
	Lanes, Height int // float32s in a vector; rows of the tallest tile
	tiles
	Transpose func(*Transposition)
	FMALoop   func(n int) // does n times 2·Height multiply-adds of vectors
}

type tiles struct {
	Rows, Columns [2][]func(*Tile)
	Copy          [2]func(*Panel)
	Add           [2]func(*Addition)
	Gather        func(*Gathering)
}
