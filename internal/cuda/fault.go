package cuda

import (
	"fmt"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// faults are words of pinned host memory that a kernel sets when an operand is not what it should be, one for each
// kind of complaint. The GPU writes to them directly, and the program looks whenever it waits for the GPU anyway.
type faults struct {
	words      *[maxFaults]uint32
	complaints []string
}

const maxFaults = 16

// fault returns the word for a complaint.
func (d *Device) fault(complaint string) kernel.Buffer {
	f := &d.faults
	if f.words == nil {
		f.words = (*[maxFaults]uint32)(d.pinned(unsafe.Sizeof(*f.words)))
		*f.words = [maxFaults]uint32{}
	}
	at := 0
	for at < len(f.complaints) && f.complaints[at] != complaint {
		at++
	}
	if at == len(f.complaints) {
		f.complaints = append(f.complaints, complaint)
	}
	// Host and device share one address space.
	return kernel.Buffer{Addr: uint64(uintptr(unsafe.Pointer(&f.words[at]))), Len: 1, Size: 4}
}

// raise panics if a kernel has complained. The stream must have been waited for.
func (d *Device) raise() {
	for i, complaint := range d.faults.complaints {
		if d.faults.words[i] != 0 {
			d.faults.words[i] = 0
			panic(fmt.Sprintf("cuda: %s", complaint))
		}
	}
}
