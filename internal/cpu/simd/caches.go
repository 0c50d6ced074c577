package simd

import "sync"

// Caches are the sizes of a core's data caches, in bytes; 0 where they are unknown.
type Caches struct{ L1, L2, L3 int }

// DetectCaches returns the caches of this processor.
var DetectCaches = sync.OnceValue(caches)
