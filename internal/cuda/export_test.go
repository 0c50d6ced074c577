//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import "errors"

// WithoutGraphs has everything launched by itself.
func (d *Device) WithoutGraphs() { d.graphs.use.Off = errors.New("not wanted") }
