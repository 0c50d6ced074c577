// Package ram reports how much memory of the host is left, so that an allocation that doesn't fit becomes an error. Without
// it, Go ends a program that gets no memory from the system, and the system kills a program that has taken too much.
package ram

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"

	"github.com/bestiary-ml/bestiary/fault"
)

// Unlimited is Total's Free on systems where the free memory is not known.
const Unlimited = math.MaxInt

// Reserve is the memory that Check leaves for unchecked allocations, in bytes.
const Reserve = 64 << 20

// Total is the memory of this process, in bytes.
type Total struct {
	Memory int // in total: the machine's memory, or the limit of the process
	Free   int // that the process can still allocate
}

// system is what the operating system reports, in bytes.
type system struct {
	memory   int // in total
	free     int // available without swapping
	resident int // of this process, in memory or swapped out; negative: unknown
}

// Check returns a [*fault.OutOfMemory] if need bytes don't fit; who starts its text. It takes some ten microseconds.
func Check(who string, need int) error {
	all, held := look()
	if need > all.Free-Reserve {
		debug.FreeOSMemory() // collect garbage and return idle memory to the system
		all, held = look()
	}
	if need <= all.Free-Reserve {
		return nil
	}
	return &fault.OutOfMemory{Device: who, Need: need, Held: held, Available: all.Free, Memory: all.Memory}
}

// limit is what SetLimit has set; 0: nothing.
var limit atomic.Int64

// SetLimit limits the memory of this process to that many bytes: Check returns errors beyond it, and garbage is collected in
// time to stay below. 0 is no limit.
func SetLimit(bytes int64) {
	old := limit.Swap(bytes)
	switch {
	case bytes > 0 && old == 0:
		collected.Store(debug.SetMemoryLimit(bytes))
	case bytes > 0:
		debug.SetMemoryLimit(bytes)
	case old > 0:
		debug.SetMemoryLimit(collected.Load())
	}
}

// collected is the limit of the garbage collector before SetLimit, such as that of GOMEMLIMIT.
var collected atomic.Int64

// within lowers the memory to the limit of SetLimit, of which the process holds some.
func within(all Total, held int) Total {
	if most := int(limit.Load()); most > 0 {
		all.Memory, all.Free = min(all.Memory, most), min(all.Free, max(0, most-held))
	}
	return all
}

// Look returns the memory of this process.
func Look() Total {
	all, _ := look()
	return all
}

// look also returns how many bytes Go holds.
func look() (all Total, held int) {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	held = int(samples[0].Value.Uint64() - samples[1].Value.Uint64())
	s, ok := ask()
	if !ok {
		return within(Total{Unlimited, Unlimited}, held), held
	}
	return within(s.total(held), held), held
}

// total subtracts from the free memory what Go holds but has not touched yet: the system counts only touched memory.
func (s system) total(held int) Total {
	untouched := 0
	if s.resident >= 0 {
		untouched = max(0, held-s.resident)
	}
	return Total{s.memory, max(0, s.free-untouched)}
}
