package simd

import (
	"sync"

	"github.com/klauspost/cpuid/v2"
)

// Caches are the sizes of a core's data caches, in bytes; 0 where the processor doesn't say.
type Caches struct{ L1, L2, L3 int }

// DetectCaches returns the caches of this processor.
var DetectCaches = sync.OnceValue(func() Caches {
	c := cpuid.CPU.Cache
	return Caches{max(0, c.L1D), max(0, c.L2), max(0, c.L3)}
})
