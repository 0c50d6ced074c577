package cuda

import (
	"fmt"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// faults are words of pinned host memory, one for each message. A kernel sets a word when it finds a bad operand, such as
// an index that is out of range. The GPU writes to them directly; the program reads them whenever it waits for the GPU.
type faults struct {
	words    *[maxFaults]uint32
	messages []string
}

const maxFaults = 16

// fault returns the word for a message.
func (d *Device) fault(message string) kernel.Buffer {
	f := &d.faults
	if f.words == nil {
		f.words = (*[maxFaults]uint32)(d.pinned(unsafe.Sizeof(*f.words)))
		*f.words = [maxFaults]uint32{}
	}
	at := 0
	for at < len(f.messages) && f.messages[at] != message {
		at++
	}
	if at == len(f.messages) {
		f.messages = append(f.messages, message)
	}
	// Host and device share one address space.
	return kernel.Buffer{Addr: uint64(uintptr(unsafe.Pointer(&f.words[at]))), Len: 1, Size: 4}
}

// raise panics if a kernel has set a word. The caller must have waited for the stream.
func (d *Device) raise() {
	for i, message := range d.faults.messages {
		if d.faults.words[i] != 0 {
			d.faults.words[i] = 0
			panic(fmt.Sprintf("cuda: %s", message))
		}
	}
}
