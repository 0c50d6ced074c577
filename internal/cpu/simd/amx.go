package simd

import (
	"sync"

	"golang.org/x/sys/cpu"
)

// AMX are kernels of products on the tile registers of AMX-BF16: blocks of up to two by two tiles of 16 rows and 16
// columns, indexed by the numbers of tiles down and across less one. Operands are in bfloat16 as they are for [BF16], whose
// arguments and results they have, with these differences: the rows of A of a tap lie one AStride after the other, from the
// address of the first one on; a tap's depth is a multiple of 16 pairs, of both A and B, and not 0; and there is memory
// behind A's last row for the rows that the last tile lacks. The products of operands that are split are hi·hi, hi·lo and lo·hi.
//
// Tiles only ever hold anything within a kernel, so that they never meet another goroutine.
type AMX struct {
	Product, Split [2][2]func(*Tile)
}

// HasAMX tells whether this processor has AMX-BF16 and the operating system lets this process use it, for which the first
// call asks.
var HasAMX = sync.OnceValue(func() bool {
	return cpu.X86.HasAMXTile && cpu.X86.HasAMXBF16 && BF16For(Detect()) != nil && permitTiles()
})
