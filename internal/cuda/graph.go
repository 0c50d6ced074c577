package cuda

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"
	"unsafe"
)

// A training step makes the same calls as the step before, except for a few parameters: Adam's step and learning rate, the
// offset of random numbers, the position of a batch. A segment of calls that repeats is captured in a CUDA graph. From then
// on the graph is launched instead, after the parameters that differ have been changed in its nodes. The program makes its
// calls as always, so nothing has to be declared fit for graphs; a graph saves the time of the launches.

// graph is a captured segment, with the current parameters of its nodes.
type graph struct {
	segment
	handle, exec uintptr
	nodes        []uintptr // node of each call's kernel; 0 for a product by cuBLAS
}

// graphs are the graphs of a device.
type graphs struct {
	use     GraphUse
	seed    maphash.Seed
	met     map[uint64]bool // shapes of segments that were seen
	byShape map[uint64][]*graph

	// arguments of the driver's functions, fields so that calls don't allocate
	node *kernelNodeParams
	info *captureInfo
}

const (
	fewestCalls  = 4       // of a graph
	mostVariants = 32      // graphs of one shape, as equal layers have
	mostGraphs   = 512     // of a device; the next capture drops all of them first
	mostShapes   = 1 << 14 // in met
)

// kernelNodeParams is CUDA_KERNEL_NODE_PARAMS_v2.
type kernelNodeParams struct {
	function      uintptr
	grid, block   dim3
	shared        uint32
	params, extra uintptr
	kern, context uintptr // unused with function
}

// captureInfo receives the results of cuStreamGetCaptureInfo.
type captureInfo struct {
	status       int32
	dependencies *uintptr // nodes that the next node will depend on
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

// replay launches a graph of s if a segment of its shape was seen before. If it returns false, the caller makes the calls.
func (d *Device) replay(s segment) bool {
	g := &d.graphs
	if g.use.Off != nil || len(s.calls) < fewestCalls {
		return false
	}
	shape := s.shape(g.seed)
	if !g.met[shape] { // the first time loads kernels lazily, which a capture must not do
		if len(g.met) == mostShapes { // ever new shapes, as in a test
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

// graphOf returns a graph with the parameters of s: one that has them already, one whose nodes are changed, or a new one.
func (d *Device) graphOf(shape uint64, s segment) (*graph, error) {
	g := &d.graphs
	list := g.byShape[shape]
	// Equal layers have graphs of one shape that are used in turn, so the first in the list, used longest ago, often fits.
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
	if at < 0 || fewest > len(s.calls)*3/4 && len(list) < mostVariants { // decoding changes two thirds of its nodes for each code
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

// shape is a hash of the kernels of a segment. Segments with different shapes can't share a graph.
func (s segment) shape(seed maphash.Seed) uint64 {
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

// differences returns the number of nodes to change before g computes s; limit if there are more, or if g can't compute s.
func (g *graph) differences(s segment, limit int) int {
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

// differs reports whether the parameters of call i differ between g and s, which have the same kernels.
func (g *graph) differs(i int, s segment) bool {
	a, b := &g.calls[i], &s.calls[i]
	if a.kernel == nil {
		return false
	}
	return a.grid != b.grid || a.block != b.block || a.shared != b.shared ||
		!bytes.Equal(g.values[a.at:a.at+a.kernel.size], s.values[b.at:b.at+b.kernel.size])
}

// update changes the nodes of g that differ from s.
func (d *Device) update(g *graph, s segment) error {
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
