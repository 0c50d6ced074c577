//go:build linux && (amd64 || arm64) && !nocuda

package emulator

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/bestiary-ml/bestiary/internal/cuda/ptx"
)

// gpu is the state behind the driver's functions. There is one, as there is one driver.
type gpu struct {
	Machine
	modules   []map[string]*Kernel
	sizes     []map[string][]int
	functions []loaded
	failed    []byte // what went wrong, for cuGetErrorString
}

type loaded struct {
	kernel *Kernel
	params []int
}

const (
	noMemory       = 2
	invalidImage   = 200
	notFound       = 500
	launchFailed   = 719
	processors     = 16
	computeMajor   = 75
	computeMinor   = 76
	sharedOptIn    = 97
	memoryOfDevice = 1 << 30
)

// Functions are the functions of libcuda that internal/cuda calls, by name, as addresses that C code may call. Behind
// them is an emulated GPU with 1 GiB of memory, on which everything has been done when a call returns.
var Functions = sync.OnceValue(func() map[string]uintptr {
	g := &gpu{}
	functions := map[string]uintptr{}
	for name, f := range g.calls() {
		functions[name] = purego.NewCallback(f)
	}
	return functions
})

// at views the memory that a C pointer names.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// guarded calls f and turns a fault into an error code.
func (g *gpu) guarded(f func() error) (code uintptr) {
	defer func() {
		if r := recover(); r != nil {
			g.failed = append(fmt.Appendf(nil, "%v", r), 0)
			code = launchFailed
		}
	}()
	if err := f(); err != nil {
		g.failed = append([]byte(err.Error()), 0)
		return launchFailed
	}
	return 0
}

func (g *gpu) calls() map[string]any {
	give := func(to uintptr, v uintptr) uintptr { *at[uintptr](to) = v; return 0 }
	copied := func(to, from []byte) error { copy(to, from); return nil }
	host := func(p, n uintptr) []byte { return unsafe.Slice(at[byte](p), n) }
	return map[string]any{
		"cuInit":             func(uintptr) uintptr { return 0 },
		"cuDriverGetVersion": func(v uintptr) uintptr { *at[int32](v) = 12000; return 0 },
		"cuDeviceGetCount":   func(n uintptr) uintptr { *at[int32](n) = 1; return 0 },
		"cuDeviceGet":        func(device, _ uintptr) uintptr { *at[int32](device) = 0; return 0 },
		"cuDeviceGetName":    func(name, n, _ uintptr) uintptr { copy(host(name, n), "Emulator\x00"); return 0 },
		"cuDeviceGetAttribute": func(value, which, _ uintptr) uintptr {
			*at[int32](value) = map[uintptr]int32{processors: 4, computeMajor: 8, computeMinor: 0, sharedOptIn: 163 << 10}[which]
			return 0
		},
		"cuDeviceTotalMem_v2":      func(n, _ uintptr) uintptr { return give(n, memoryOfDevice) },
		"cuDevicePrimaryCtxRetain": func(context, _ uintptr) uintptr { return give(context, 1) },
		"cuCtxSetCurrent":          func(uintptr) uintptr { return 0 },
		"cuStreamCreate":           func(stream, _ uintptr) uintptr { return give(stream, 1) },
		"cuStreamSynchronize":      func(uintptr) uintptr { return 0 },
		"cuMemGetInfo_v2": func(free, total uintptr) uintptr {
			give(free, memoryOfDevice-uintptr(g.Held()))
			return give(total, memoryOfDevice)
		},
		"cuMemAlloc_v2": func(p, n uintptr) uintptr {
			if g.Held()+int(n) > memoryOfDevice {
				return noMemory
			}
			return give(p, uintptr(g.Alloc(int(n))))
		},
		"cuMemFree_v2":      func(p uintptr) uintptr { g.Free(uint64(p)); return 0 },
		"cuMemAllocHost_v2": func(p, n uintptr) uintptr { return give(p, uintptr(g.Alloc(int(n)))) },
		"cuMemcpyHtoDAsync_v2": func(to, from, n, _ uintptr) uintptr {
			return g.guarded(func() error { return copied(g.Bytes(uint64(to), uint64(n)), host(from, n)) })
		},
		"cuMemcpyDtoHAsync_v2": func(to, from, n, _ uintptr) uintptr {
			return g.guarded(func() error { return copied(host(to, n), g.Bytes(uint64(from), uint64(n))) })
		},
		"cuMemcpyDtoDAsync_v2": func(to, from, n, _ uintptr) uintptr {
			return g.guarded(func() error { return copied(g.Bytes(uint64(to), uint64(n)), g.Bytes(uint64(from), uint64(n))) })
		},
		"cuModuleLoadDataEx":  func(module, image, _, _, _ uintptr) uintptr { return g.loadModule(module, image) },
		"cuModuleGetFunction": func(f, module, name uintptr) uintptr { return g.function(f, module, name) },
		"cuFuncSetAttribute":  func(_, _, _ uintptr) uintptr { return 0 },
		"cuLaunchKernel": func(f, gx, gy, gz, bx, by, bz, shared, _, params, _ uintptr) uintptr {
			return g.guarded(func() error {
				k := g.functions[f-1]
				return g.Launch(k.kernel, [3]uint32{uint32(gx), uint32(gy), uint32(gz)}, [3]uint32{uint32(bx), uint32(by), uint32(bz)},
					uint32(shared), packed(params, k.params))
			})
		},
		"cuEventCreate":      func(event, _ uintptr) uintptr { return give(event, 1) },
		"cuEventRecord":      func(_, _ uintptr) uintptr { return 0 },
		"cuEventSynchronize": func(uintptr) uintptr { return 0 },
		"cuGetErrorName":     func(_, text uintptr) uintptr { return give(text, cText("CUDA_ERROR_EMULATED")) },
		"cuGetErrorString": func(_, text uintptr) uintptr {
			if g.failed == nil {
				return give(text, cText("no more is known"))
			}
			return give(text, uintptr(unsafe.Pointer(&g.failed[0])))
		},
	}
}

var texts = map[string][]byte{}

// cText is a C string that stays.
func cText(s string) uintptr {
	if texts[s] == nil {
		texts[s] = append([]byte(s), 0)
	}
	return uintptr(unsafe.Pointer(&texts[s][0]))
}

func goText(p uintptr) string {
	n := 0
	for *at[byte](p + uintptr(n)) != 0 {
		n++
	}
	return string(unsafe.Slice(at[byte](p), n))
}

func (g *gpu) loadModule(module, image uintptr) uintptr {
	text := goText(image)
	kernels, err := Parse(text)
	if err != nil {
		g.failed = append([]byte(err.Error()), 0)
		return invalidImage
	}
	entries, err := ptx.Entries(text)
	if err != nil {
		g.failed = append([]byte(err.Error()), 0)
		return invalidImage
	}
	sizes := map[string][]int{}
	for _, e := range entries {
		sizes[e.Name] = e.Params
	}
	g.modules, g.sizes = append(g.modules, kernels), append(g.sizes, sizes)
	*at[uintptr](module) = uintptr(len(g.modules))
	return 0
}

func (g *gpu) function(f, module, name uintptr) uintptr {
	k, ok := g.modules[module-1][goText(name)]
	if !ok {
		return notFound
	}
	g.functions = append(g.functions, loaded{k, g.sizes[module-1][k.Name]})
	*at[uintptr](f) = uintptr(len(g.functions))
	return 0
}

// packed lays parameters out one after the other; C structs hold a number of 8 bytes, so they begin at a multiple of it.
func packed(pointers uintptr, sizes []int) []byte {
	var out []byte
	for i, size := range sizes {
		align := min(size, 8)
		for len(out)%align != 0 {
			out = append(out, 0)
		}
		p := *at[uintptr](pointers + uintptr(8*i))
		out = append(out, unsafe.Slice(at[byte](p), size)...)
	}
	return out
}
