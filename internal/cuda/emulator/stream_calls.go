//go:build linux && (amd64 || arm64) && !nocuda

package emulator

import "unsafe"

// handle returns a new handle.
func (g *gpu) handle() uintptr {
	g.handles++
	return g.handles
}

// capturing reports whether a stream is being captured. Many calls are errors then, including some that the driver allows in
// relaxed captures.
func (g *gpu) capturing() bool {
	for _, s := range g.streams {
		if s.capturing != nil {
			return true
		}
	}
	return false
}

// queue appends work to a stream.
func (g *gpu) queue(number uintptr, run func() error) uintptr {
	s := g.streams[number]
	switch {
	case s == nil:
		return invalidHandle
	case s.capturing != nil:
		return notInCapture
	}
	s.add(task{run: run})
	return 0
}

// wait runs the work before a position of a stream.
func (g *gpu) wait(s *stream, until int) uintptr {
	if g.capturing() {
		return notInCapture
	}
	return g.code(s.reach(until))
}

// streamCalls are the functions that queue work and wait for it.
func (g *gpu) streamCalls() map[string]any {
	const capturing = 1
	return map[string]any{
		"cuStreamCreate": func(to, _ uintptr) uintptr {
			n := g.handle()
			g.streams[n] = &stream{}
			return give(to, n)
		},
		"cuStreamDestroy_v2": func(number uintptr) uintptr { // its work still runs
			s := g.streams[number]
			if s == nil {
				return invalidHandle
			}
			delete(g.streams, number)
			return g.wait(s, s.end())
		},
		"cuStreamQuery": func(number uintptr) uintptr { // each question runs one task, so that the answer changes
			s := g.streams[number]
			if s == nil {
				return invalidHandle
			}
			if s.busy() {
				return notReady
			}
			if code := g.wait(s, min(s.done+1, s.end())); code != 0 || s.done == s.end() {
				return code
			}
			return notReady
		},
		"cuStreamSynchronize": func(number uintptr) uintptr {
			s := g.streams[number]
			return g.wait(s, s.end())
		},
		"cuMemcpyHtoDAsync_v2": func(to, from, n, stream uintptr) uintptr {
			return g.queue(stream, func() error { copy(g.Written(uint64(to), uint64(n)), host(from, n)); return nil })
		},
		"cuMemcpyDtoHAsync_v2": func(to, from, n, stream uintptr) uintptr {
			return g.queue(stream, func() error { copy(host(to, n), g.Read(uint64(from), uint64(n))); return nil })
		},
		"cuLaunchKernel": func(f, gx, gy, gz, bx, by, bz, shared, stream, params, _ uintptr) uintptr {
			l := launch{
				kernel: g.functions[f-1], grid: [3]uint32{uint32(gx), uint32(gy), uint32(gz)}, block: [3]uint32{uint32(bx), uint32(by), uint32(bz)},
				shared: uint32(shared),
			}
			if !l.fits() {
				return invalidValue
			}
			l.params = l.kernel.kernel.packed(params)
			if c := g.streams[stream].capturing; c != nil {
				c.launches = append(c.launches, l)
				g.handle() // the handle of the node
				return 0
			}
			return g.queue(stream, func() error { return g.run(l) })
		},
		"cuEventCreate": func(to, _ uintptr) uintptr {
			n := g.handle()
			g.events[n] = &event{}
			return give(to, n)
		},
		"cuEventDestroy_v2": func(number uintptr) uintptr { delete(g.events, number); return 0 },
		"cuEventRecord": func(number, stream uintptr) uintptr {
			s := g.streams[stream]
			if s.capturing != nil {
				return notInCapture
			}
			*g.events[number] = event{s, s.end()}
			return 0
		},
		"cuEventQuery": func(number uintptr) uintptr { // as cuStreamQuery
			e := g.events[number]
			switch {
			case e == nil:
				return invalidHandle
			case e.stream == nil || e.stream.done >= e.at:
				return 0
			case e.stream.busy():
				return notReady
			}
			if code := g.wait(e.stream, e.stream.done+1); code != 0 || e.stream.done >= e.at {
				return code
			}
			return notReady
		},
		"cuEventSynchronize": func(number uintptr) uintptr {
			e := g.events[number]
			if e.stream == nil { // never recorded
				return 0
			}
			return g.wait(e.stream, e.at)
		},
		"cuStreamWaitEvent": func(stream, number, _ uintptr) uintptr {
			s, e := g.streams[stream], g.events[number]
			switch {
			case s.capturing != nil:
				return notInCapture
			case e.stream != nil:
				s.add(task{other: e.stream, until: e.at})
			}
			return 0
		},
		"cuStreamBeginCapture_v2": func(stream, _ uintptr) uintptr {
			if g.capturing() {
				return notInCapture
			}
			g.streams[stream].capturing = &graph{first: g.handles}
			return 0
		},
		"cuStreamGetCaptureInfo_v2": func(stream, status, _, _, dependencies, count uintptr) uintptr {
			c := g.streams[stream].capturing
			*at[int32](status) = 0
			if c == nil {
				return 0
			}
			*at[int32](status) = capturing
			g.last = g.handles
			give(dependencies, uintptr(unsafe.Pointer(&g.last)))
			return give(count, uintptr(min(1, len(c.launches))))
		},
		"cuStreamEndCapture": func(stream, to uintptr) uintptr {
			s := g.streams[stream]
			if s.capturing == nil {
				return invalidValue
			}
			n := g.handle()
			g.graphs[n] = s.capturing
			s.capturing = nil
			return give(to, n)
		},
		"cuGraphInstantiateWithFlags": func(to, from, _ uintptr) uintptr {
			n := g.handle()
			made := *g.graphs[from]
			made.launches = append([]launch(nil), made.launches...)
			g.graphs[n] = &made
			return give(to, n)
		},
		"cuGraphExecKernelNodeSetParams_v2": func(number, node, params uintptr) uintptr { return g.setNode(g.graphs[number], node, params) },
		"cuGraphLaunch": func(number, stream uintptr) uintptr {
			for _, l := range g.graphs[number].launches { // with their current parameters
				if code := g.queue(stream, func() error { return g.run(l) }); code != 0 {
					return code
				}
			}
			return 0
		},
		"cuGraphExecDestroy": func(number uintptr) uintptr { return g.forget(number) },
		"cuGraphDestroy":     func(number uintptr) uintptr { return g.forget(number) },
	}
}

func (g *gpu) run(l launch) error {
	return g.Launch(l.kernel.kernel, l.grid, l.block, l.shared, l.params)
}

func (g *gpu) forget(graph uintptr) uintptr {
	if g.graphs[graph] == nil {
		return invalidHandle
	}
	delete(g.graphs, graph)
	return 0
}

// setNode sets the parameters of a node from a CUDA_KERNEL_NODE_PARAMS_v2.
func (g *gpu) setNode(in *graph, node, params uintptr) uintptr {
	if in == nil || node <= in.first || node > in.first+uintptr(len(in.launches)) {
		return invalidHandle
	}
	l := &in.launches[node-in.first-1]
	if f := *at[uintptr](params); f == 0 || g.functions[f-1].kernel != l.kernel.kernel {
		return invalidValue // the driver allows some other kernels; package cuda doesn't use that
	}
	sizes := unsafe.Slice(at[uint32](params+8), 7)
	l.grid, l.block, l.shared = [3]uint32(sizes[:3]), [3]uint32(sizes[3:6]), sizes[6]
	if !l.fits() {
		return invalidValue
	}
	l.params = l.kernel.kernel.packed(*at[uintptr](params + 40))
	return 0
}
