//go:build linux && (amd64 || arm64) && !nocuda

package emulator

import (
	"math"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// gpu is an emulated GPU with a driver of its own.
type gpu struct {
	Machine
	number    int                           // of its context
	texts     map[string]map[string]*Kernel // kernels by PTX text
	modules   []map[string]*Kernel
	functions []*loaded
	failed    []byte // message of the last failure, for cuGetErrorString

	streams map[uintptr]*stream
	events  map[uintptr]*event
	graphs  map[uintptr]*graph // captured and instantiated
	handles uintptr            // last handle, of streams, events and others
	last    uintptr            // last node, which cuStreamGetCaptureInfo points to

	reservations map[uint64]*reservation // by address
	physical     map[uintptr]*physical   // by handle
}

// loaded is a kernel of a module.
type loaded struct {
	kernel  *Kernel
	dynamic uint32 // largest dynamic shared memory of a launch
}

// fits reports whether a launch is within the limits of the GPU.
func (l launch) fits() bool {
	threads := uint64(l.block[0]) * uint64(l.block[1]) * uint64(l.block[2])
	return max(l.grid[1], l.grid[2]) <= mostBlocks && l.grid[0] <= math.MaxInt32 &&
		max(l.block[0], l.block[1]) <= mostInLine && l.block[2] <= mostDeep && threads <= uint64(l.kernel.kernel.threads) && l.shared <= l.kernel.dynamic
}

// permit sets the largest dynamic shared memory of launches of f.
func (g *gpu) permit(f, attribute, bytes uintptr) uintptr {
	const maxDynamicSharedSize = 8
	k := g.functions[f-1]
	if attribute != maxDynamicSharedSize || uint64(bytes)+k.kernel.sharedSize > mostShared {
		return invalidValue
	}
	k.dynamic = uint32(bytes)
	return 0
}

const (
	invalidValue   = 1
	noMemory       = 2
	invalidImage   = 200
	invalidHandle  = 400
	notFound       = 500
	notInCapture   = 900
	notReady       = 600
	launchFailed   = 719
	processors     = 16
	computeMajor   = 75
	computeMinor   = 76
	sharedOptIn    = 97
	virtualMemory  = 102
	memoryOfDevice = 1 << 30
)

// Functions returns the functions of libcuda that internal/cuda calls, by name, as addresses of C functions. They drive an
// emulated GPU with 1 GiB of memory. Work that is queued in a stream runs when the program waits for it, and not before.
var Functions = sync.OnceValue(func() map[string]uintptr {
	functions, _ := Another(1)
	return functions
})

// Another is [Functions] of another GPU, which another goroutine may use at the same time. number is the handle of its context. queue
// appends work to one of its streams, as other libraries do; it runs beside the program. The functions are never freed, and a program can have about 40 GPUs.
func Another(number int) (functions map[string]uintptr, queue func(stream uintptr, run func())) {
	g := &gpu{number: number, texts: map[string]map[string]*Kernel{}, streams: map[uintptr]*stream{}, events: map[uintptr]*event{}, graphs: map[uintptr]*graph{}, reservations: map[uint64]*reservation{}, physical: map[uintptr]*physical{}}
	functions = map[string]uintptr{}
	for _, calls := range []map[string]any{g.calls(), g.streamCalls(), g.virtualCalls()} {
		for name, f := range calls {
			functions[name] = purego.NewCallback(f)
		}
	}
	return functions, func(stream uintptr, run func()) {
		begin := func() <-chan struct{} {
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				run()
			}()
			return ended
		}
		g.streams[stream].add(task{begin: begin})
	}
}

// at returns a view of the memory at a C pointer.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// code returns the CUresult for err.
func (g *gpu) code(err error) uintptr {
	if err == nil {
		return 0
	}
	g.failed = append([]byte(err.Error()), 0)
	return launchFailed
}

func (g *gpu) calls() map[string]any {
	allocated := func(p uintptr, n int, alloc func(int) uint64) uintptr {
		if g.capturing() {
			return notInCapture
		}
		return give(p, uintptr(alloc(n)))
	}
	freed := func(p uintptr) uintptr { // the driver waits for all queued work
		if g.capturing() {
			return notInCapture
		}
		for _, s := range g.streams {
			if err := s.reach(s.end()); err != nil {
				return g.code(err)
			}
		}
		g.Free(uint64(p))
		return 0
	}
	return map[string]any{
		"cuInit":             func(uintptr) uintptr { return 0 },
		"cuDriverGetVersion": func(v uintptr) uintptr { *at[int32](v) = 12000; return 0 },
		"cuDeviceGetCount":   func(n uintptr) uintptr { *at[int32](n) = 1; return 0 },
		"cuDeviceGet":        func(device, _ uintptr) uintptr { *at[int32](device) = 0; return 0 },
		"cuDeviceGetName":    func(name, n, _ uintptr) uintptr { copy(host(name, n), "Emulator\x00"); return 0 },
		"cuDeviceGetAttribute": func(value, which, _ uintptr) uintptr {
			*at[int32](value) = map[uintptr]int32{processors: 4, computeMajor: 8, computeMinor: 0, sharedOptIn: mostShared, virtualMemory: 1}[which]
			return 0
		},
		"cuDeviceTotalMem_v2":          func(n, _ uintptr) uintptr { return give(n, memoryOfDevice) },
		"cuDevicePrimaryCtxRetain":     func(context, _ uintptr) uintptr { return give(context, uintptr(g.number)) },
		"cuDevicePrimaryCtxRelease_v2": func(uintptr) uintptr { return 0 },
		"cuCtxSetCurrent":              func(uintptr) uintptr { return 0 },
		"cuMemGetInfo_v2": func(free, total uintptr) uintptr {
			give(free, memoryOfDevice-uintptr(g.held()))
			return give(total, memoryOfDevice)
		},
		"cuMemAlloc_v2": func(p, n uintptr) uintptr {
			if g.held()+int(n) > memoryOfDevice {
				return noMemory
			}
			return allocated(p, int(n), g.Alloc)
		},
		"cuMemFree_v2":        freed,
		"cuMemAllocHost_v2":   func(p, n uintptr) uintptr { return allocated(p, int(n), g.AllocHost) },
		"cuMemFreeHost":       freed,
		"cuModuleLoadDataEx":  func(module, image, _, _, _ uintptr) uintptr { return g.loadModule(module, image) },
		"cuModuleGetFunction": func(f, module, name uintptr) uintptr { return g.function(f, module, name) },
		"cuFuncSetAttribute":  g.permit,
		"cuGetErrorName":      func(_, text uintptr) uintptr { return give(text, uintptr(unsafe.Pointer(&errorName[0]))) },
		"cuGetErrorString": func(_, text uintptr) uintptr {
			if g.failed == nil {
				return give(text, uintptr(unsafe.Pointer(&errorText[0])))
			}
			return give(text, uintptr(unsafe.Pointer(&g.failed[0])))
		},
	}
}

func give(to uintptr, v uintptr) uintptr { *at[uintptr](to) = v; return 0 }

func host(p, n uintptr) []byte { return unsafe.Slice(at[byte](p), n) }

// What is said of errors about which no more is known, as C strings.
var errorName, errorText = []byte("CUDA_ERROR_EMULATED\x00"), []byte("no more is known\x00")

func goText(p uintptr) string {
	n := 0
	for *at[byte](p + uintptr(n)) != 0 {
		n++
	}
	return string(unsafe.Slice(at[byte](p), n))
}

// parsed parses each text once.
func (g *gpu) parsed(text string) (map[string]*Kernel, error) {
	if kernels := g.texts[text]; kernels != nil {
		return kernels, nil
	}
	kernels, err := Parse(text)
	if err == nil {
		g.texts[text] = kernels
	}
	return kernels, err
}

func (g *gpu) loadModule(module, image uintptr) uintptr {
	text := goText(image)
	kernels, err := g.parsed(text)
	if err != nil {
		g.failed = append([]byte(err.Error()), 0)
		return invalidImage
	}
	g.modules = append(g.modules, kernels)
	*at[uintptr](module) = uintptr(len(g.modules))
	return 0
}

func (g *gpu) function(f, module, name uintptr) uintptr {
	k, ok := g.modules[module-1][goText(name)]
	if !ok {
		return notFound
	}
	g.functions = append(g.functions, &loaded{k, uint32(freeShared - k.sharedSize)})
	*at[uintptr](f) = uintptr(len(g.functions))
	return 0
}

// packed copies the parameters, given as pointers, to the layout of the kernel.
func (k *Kernel) packed(pointers uintptr) []byte {
	var out []byte
	for i, p := range k.parameters {
		for uint64(len(out)) < p.at {
			out = append(out, 0xa5)
		}
		out = append(out, host(*at[uintptr](pointers + uintptr(8*i)), uintptr(p.size))...)
	}
	return out
}
