//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import "errors"

// WithoutGraphs turns graphs off.
func (d *Device) WithoutGraphs() { d.graphs.use.Off = errors.New("not wanted") }

// WithoutReuse makes each buffer an allocation of its own with the exact size. So the emulator or compute-sanitizer finds
// accesses beyond its end, reads before it is written, and accesses after it was freed.
func (d *Device) WithoutReuse() { d.memory.exact = true }
