// Package ram tells how much of the host's memory is left, so that what doesn't fit is refused in a sentence: Go ends
// a program that the system gives no memory, and the system one that has taken more than there is.
package ram

import (
	"math"
	"runtime/debug"
	"runtime/metrics"

	"github.com/bestiary-ml/bestiary/fault"
)

// Unlimited is Total's Free where the operating system isn't asked.
const Unlimited = math.MaxInt

// Reserve is what Check leaves to all that is allocated without asking, in bytes.
const Reserve = 64 << 20

// Total is what there is for this process, in bytes.
type Total struct {
	Memory int // in all: the machine's memory, or less where the process is confined
	Free   int // what the process can still allocate
}

// system is what the operating system tells, in bytes.
type system struct {
	memory   int // in all
	free     int // available without harm to anybody
	resident int // of this process, in memory or swapped out; negative: not known
}

// Check returns a [*fault.OutOfMemory] in the name of who if need bytes don't fit. It takes some ten microseconds.
func Check(who string, need int) error {
	all, held := look()
	if need > all.Free-Reserve {
		debug.FreeOSMemory() // what nobody refers to any more, and what Go keeps for small things
		all, held = look()
	}
	if need <= all.Free-Reserve {
		return nil
	}
	return &fault.OutOfMemory{Device: who, Need: need, Held: held, Available: all.Free, Memory: all.Memory}
}

// Look tells what there is.
func Look() Total {
	all, _ := look()
	return all
}

// look also tells how many bytes Go holds.
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

// total subtracts from the free memory what Go holds and nobody has written to yet: the system counts only what has been
// touched.
func (s system) total(held int) Total {
	untouched := 0
	if s.resident >= 0 {
		untouched = max(0, held-s.resident)
	}
	return Total{s.memory, max(0, s.free-untouched)}
}
