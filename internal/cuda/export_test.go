//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import "errors"

// WithoutGraphs has everything launched by itself.
func (d *Device) WithoutGraphs() { d.graphs.off = errors.New("not wanted") }

// Graphs tells how many graphs there are, how many have been launched, and how many nodes were set for that.
func (d *Device) Graphs() (captured, launched, updated int) {
	return d.graphs.captured, d.graphs.replayed, d.graphs.updated
}
