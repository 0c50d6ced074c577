package cuda

import "fmt"

// GraphUse tells what a device's graphs are good for.
type GraphUse struct {
	Captured int   // graphs that there are
	Launched int   // launches of graphs so far
	Set      int   // nodes whose parameters were set for them
	Off      error // why there are no graphs, and all is launched by itself; nil: there are
}

// Graphs tells how the device's graphs are used.
func (d *Device) Graphs() GraphUse { return d.graphs.use }

func (u GraphUse) String() string {
	if u.Off != nil {
		return fmt.Sprintf("none, all is launched by itself: %v", u.Off)
	}
	return fmt.Sprintf("%d captured, %d launches, %d nodes set between them", u.Captured, u.Launched, u.Set)
}
