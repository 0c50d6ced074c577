package kernel

import "fmt"

// OutOfMemory says that a device's memory doesn't suffice. It is what [Memory.Alloc] panics with.
type OutOfMemory struct {
	Device            string
	Need              int // bytes asked for
	Held, Idle        int // bytes that this program holds, and those of them that are idle but of no use here
	Available, Memory int // bytes that the device has left, and in all
}

func (e *OutOfMemory) Error() string {
	const mib = 1 << 20
	idle := ""
	if e.Idle > 0 {
		idle = fmt.Sprintf(" (%.0f MiB of them idle)", float64(e.Idle)/mib)
	}
	return fmt.Sprintf("%s: out of memory: %.0f MiB more are needed, %.0f MiB are held%s and %.0f of %.0f MiB are free; "+
		"lower the batch size, the size of the pictures or that of the model, or have activations computed again instead of kept",
		e.Device, float64(e.Need)/mib, float64(e.Held)/mib, idle, float64(e.Available)/mib, float64(e.Memory)/mib)
}
