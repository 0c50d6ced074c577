package cuda

import "fmt"

// GraphUse counts the uses of a device's graphs.
type GraphUse struct {
	Captured int   // graphs in existence
	Launched int   // launches of graphs so far
	Set      int   // nodes whose parameters were changed for these launches
	Off      error // why graphs are off and work is launched call by call; nil if they are on
}

// Graphs returns the uses of the device's graphs.
func (d *Device) Graphs() GraphUse { return d.graphs.use }

func (u GraphUse) String() string {
	if u.Off != nil {
		return fmt.Sprintf("off, work is launched call by call: %v", u.Off)
	}
	return fmt.Sprintf("%d captured, %d launches, %d nodes changed", u.Captured, u.Launched, u.Set)
}
