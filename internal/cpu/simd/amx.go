package simd

import (
	"sync"

	"golang.org/x/sys/cpu"
)

// AMX are microkernels on the tile registers of AMX-BF16. They compute blocks of up to two by two tiles of 16 rows and 16 columns,
// and are indexed by the numbers of tiles down and across, less one. Operands are in bfloat16 as for [BF16], with these differences:
// the rows of A of a tap lie AStride apart, and only the first one has an address; the depth of a tap is a multiple of 16 pairs,
// and not 0; and the memory behind the last row of A is read for the rows that the last tile lacks. Of split operands, the
// products hi·hi, hi·lo and lo·hi are added.
//
// Tiles are configured and released within a kernel, so that no other goroutine ever sees them.
type AMX struct {
	Product, Split [2][2]func(*Tile)
}

// HasAMX reports whether this processor has AMX-BF16 and the operating system lets this process use it. The first call requests the
// permission.
var HasAMX = sync.OnceValue(func() bool {
	return cpu.X86.HasAMXTile && cpu.X86.HasAMXBF16 && BF16For(Detect()) != nil && permitTiles()
})
