//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import "errors"

// WithoutGraphs has everything launched by itself.
func (d *Device) WithoutGraphs() { d.graphs.use.Off = errors.New("not wanted") }

// WithoutReuse has each buffer be memory of its own that ends where the buffer does, so that the emulator, or
// compute-sanitizer, finds what is read or written behind its end, before it is written, or after it was freed.
func (d *Device) WithoutReuse() { d.memory.exact = true }
