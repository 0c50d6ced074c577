package cuda

import (
	"unsafe"

	"github.com/bestiary-ml/bestiary/fault"
)

// capture returns a new graph of s.
func (d *Device) capture(s segment) (*graph, error) {
	g := &graph{nodes: make([]uintptr, len(s.calls))}
	g.calls, g.values = append(g.calls, s.calls...), append(g.values, s.values...)
	const relaxed = 2 // the capture mode that allows calls of the driver by other goroutines
	if err := d.check(cuStreamBeginCapture, d.stream, relaxed); err != nil {
		return nil, err
	}
	err := d.issue(d.stream, s, func(i int) error {
		if s.calls[i].kernel == nil {
			return nil
		}
		info := d.graphs.info
		if err := d.driver.check(cuStreamGetCaptureInfo, d.stream, uintptr(unsafe.Pointer(&info.status)), 0, 0,
			uintptr(unsafe.Pointer(&info.dependencies)), uintptr(unsafe.Pointer(&info.count))); err != nil {
			return err
		}
		if info.count != 1 { // calls form a chain, so the last node is the only dependency
			return &fault.DeviceError{Call: symbolNames[cuStreamGetCaptureInfo], Text: "the capture has ended"}
		}
		g.nodes[i] = *info.dependencies
		return nil
	})
	// A capture that failed must end, too; its handle is 0 then.
	if ended := d.check(cuStreamEndCapture, d.stream, uintptr(unsafe.Pointer(&g.handle))); err == nil {
		err = ended
	}
	if err == nil {
		err = d.check(cuGraphInstantiate, uintptr(unsafe.Pointer(&g.exec)), g.handle, 0)
	}
	if err != nil {
		if g.handle != 0 {
			d.call(cuGraphDestroy, g.handle)
		}
		return nil, err
	}
	d.graphs.use.Captured++
	return g, nil
}

// dropGraphs destroys all graphs. The driver lets graphs that are running finish first.
func (d *Device) dropGraphs() {
	for _, list := range d.graphs.byShape {
		for _, g := range list {
			d.must(cuGraphExecDestroy, g.exec)
			d.must(cuGraphDestroy, g.handle)
		}
	}
	clear(d.graphs.byShape)
	clear(d.graphs.met)
	d.graphs.use.Captured = 0
}
