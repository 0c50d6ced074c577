package cuda

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"
	"unsafe"

	"github.com/bestiary-ml/bestiary/fault"
)

// A step of training makes the same calls as the one before, but for a few parameters: the step of Adam and its rate, the
// offset of random numbers, the place of a batch. A stretch of calls that comes again is captured in a CUDA graph, and from
// then on the graph is launched instead, after what differs has been set in its nodes. So the program decides anew in
// every step what is computed and where, and nothing has to be declared fit for it; what a graph saves is the time that
// launches take.

// graph is a captured stretch, with the parameters that its nodes have now.
type graph struct {
	stretch
	handle, exec uintptr
	nodes        []uintptr // of each call's kernel; of a library's product 0
}

// graphs are the captured stretches of a device.
type graphs struct {
	use     GraphUse
	seed    maphash.Seed
	met     map[uint64]bool // shapes of stretches that came once
	byShape map[uint64][]*graph

	// arguments of calls of the driver, here so that they needn't be allocated
	node *kernelNodeParams
	info *captureInfo
}

const (
	fewestCalls  = 4   // for which a graph is worth it
	mostVariants = 32  // graphs of one shape, as equal layers have
	mostGraphs   = 512 // in all; then what follows begins anew
	mostShapes   = 1 << 14
)

// kernelNodeParams is CUDA_KERNEL_NODE_PARAMS_v2.
type kernelNodeParams struct {
	function      uintptr
	grid, block   dim3
	shared        uint32
	params, extra uintptr
	kern, context uintptr // not used beside function
}

// captureInfo is where cuStreamGetCaptureInfo writes.
type captureInfo struct {
	status       int32
	dependencies *uintptr // nodes that the next one will depend on
	count        uintptr
}

func newGraphs(d *driver) graphs {
	g := graphs{
		seed: maphash.MakeSeed(), met: map[uint64]bool{}, byShape: map[uint64][]*graph{},
		node: new(kernelNodeParams), info: new(captureInfo),
	}
	for s, f := range d.functions {
		if f == 0 && symbol(s).forGraphs() {
			g.use.Off = fmt.Errorf("the NVIDIA driver at %s has no %s", d.path, symbolNames[s])
		}
	}
	return g
}

// replay launches a graph of s, if s has come before. If it reports false, the calls are still to be made.
func (d *Device) replay(s stretch) bool {
	g := &d.graphs
	if g.use.Off != nil || len(s.calls) < fewestCalls {
		return false
	}
	shape := s.shape(g.seed)
	if !g.met[shape] { // the first time also loads what is loaded lazily, which a capture may not do
		if len(g.met) == mostShapes { // they never end, as in a test
			d.dropGraphs()
		}
		g.met[shape] = true
		return false
	}
	chosen, err := d.graphOf(shape, s)
	if err == nil {
		if err = d.check(cuGraphLaunch, chosen.exec, d.stream); err == nil {
			g.use.Launched++
			return true
		}
	}
	d.dropGraphs()
	g.use.Off = err
	return false
}

// graphOf returns a graph with the parameters of s: one that has them, one that gets them, or a new one.
func (d *Device) graphOf(shape uint64, s stretch) (*graph, error) {
	g := &d.graphs
	list := g.byShape[shape]
	// Equal layers have graphs of one shape, which come by turns: the first in the list, used longest ago, is often the one.
	at, fewest := -1, len(s.calls)+1
	for i, candidate := range list {
		if n := candidate.differences(s, fewest); n < fewest {
			at, fewest = i, n
			if n == 0 {
				break
			}
		}
	}
	var chosen *graph
	if at < 0 || fewest > len(s.calls)*3/4 && len(list) < mostVariants { // decoding sets two thirds of its nodes for each code
		if g.use.Captured == mostGraphs {
			d.dropGraphs()
			list = nil
		}
		var err error
		if chosen, err = d.capture(s); err != nil {
			return nil, err
		}
	} else {
		chosen = list[at]
		if err := d.update(chosen, s); err != nil {
			return nil, err
		}
		list = slices.Delete(list, at, at+1)
	}
	g.byShape[shape] = append(list, chosen)
	return chosen, nil
}

// shape tells stretches apart that no graph could have in common.
func (s stretch) shape(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for i := range s.calls {
		if c := &s.calls[i]; c.kernel != nil {
			maphash.WriteComparable(&h, c.kernel)
		} else {
			maphash.WriteComparable(&h, c.product)
		}
	}
	return h.Sum64()
}

// differences is the number of nodes to set before g computes s; at least limit if they are that many, or if g can't.
func (g *graph) differences(s stretch, limit int) int {
	if len(g.calls) != len(s.calls) {
		return limit
	}
	n := 0
	for i := range s.calls {
		if g.calls[i].kernel != s.calls[i].kernel || g.calls[i].product != s.calls[i].product {
			return limit
		}
		if g.differs(i, s) {
			if n++; n == limit {
				return limit
			}
		}
	}
	return n
}

// differs tells whether call i has other parameters in s than in g, whose kernels are the same.
func (g *graph) differs(i int, s stretch) bool {
	a, b := &g.calls[i], &s.calls[i]
	if a.kernel == nil {
		return false
	}
	return a.grid != b.grid || a.block != b.block || a.shared != b.shared ||
		!bytes.Equal(g.values[a.at:a.at+a.kernel.size], s.values[b.at:b.at+b.kernel.size])
}

// update sets the nodes of g that differ in s.
func (d *Device) update(g *graph, s stretch) error {
	for i := range s.calls {
		if !g.differs(i, s) {
			continue
		}
		c := &s.calls[i]
		*d.graphs.node = kernelNodeParams{
			function: c.kernel.handle, grid: c.grid, block: c.block, shared: c.shared, params: d.parameters(c, s.values),
		}
		err := d.check(cuGraphExecKernelNodeSetParams, g.exec, g.nodes[i], uintptr(unsafe.Pointer(d.graphs.node)))
		runtime.KeepAlive(s.values)
		if err != nil {
			return err
		}
		g.calls[i] = *c
		copy(g.values[c.at:], s.values[c.at:c.at+c.kernel.size])
		d.graphs.use.Set++
	}
	return nil
}

// capture makes a graph of s.
func (d *Device) capture(s stretch) (*graph, error) {
	g := &graph{nodes: make([]uintptr, len(s.calls))}
	g.calls, g.values = append(g.calls, s.calls...), append(g.values, s.values...)
	const relaxed = 2 // other goroutines' calls of the driver are none of the capture's business
	if err := d.check(cuStreamBeginCapture, d.stream, relaxed); err != nil {
		return nil, err
	}
	err := d.issue(s, func(i int) error {
		if s.calls[i].kernel == nil {
			return nil
		}
		info := d.graphs.info
		if err := d.driver.check(cuStreamGetCaptureInfo, d.stream, uintptr(unsafe.Pointer(&info.status)), 0, 0,
			uintptr(unsafe.Pointer(&info.dependencies)), uintptr(unsafe.Pointer(&info.count))); err != nil {
			return err
		}
		if info.count != 1 { // one follows the other, so it is the last
			return &fault.DeviceError{Call: symbolNames[cuStreamGetCaptureInfo], Text: "the capture has ended"}
		}
		g.nodes[i] = *info.dependencies
		return nil
	})
	// Also what has failed must end; then the handle is none.
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

// dropGraphs gives all graphs back to the driver, which ends them when they have run.
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
