// Package ram reports how much memory of the host is left, so that an allocation that doesn't fit becomes an error. Without
// it, Go ends a program that gets no memory from the system, and the system kills a program that has taken too much.
package ram

import (
	"math"
	"runtime/debug"
	"runtime/metrics"

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
		return Total{Unlimited, Unlimited}, held
	}
	return s.total(held), held
}

// total subtracts from the free memory what Go holds but has not touched yet: the system counts only touched memory.
func (s system) total(held int) Total {
	untouched := 0
	if s.resident >= 0 {
		untouched = max(0, held-s.resident)
	}
	return Total{s.memory, max(0, s.free-untouched)}
}
