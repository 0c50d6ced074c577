//go:build linux && (amd64 || arm64) && !nocuda

package emulator

import (
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/pages"
)

// Granularity is the number of bytes of which sizes of physical memory and of reserved addresses must be multiples, as on NVIDIA's GPUs.
// Tests lower it to pages of the system.
var Granularity uintptr = 2 << 20

// reservation is a range of addresses. They lie in the program's memory, so that other libraries can use what is mapped there.
type reservation struct {
	region *pages.Region
	addr   uint64
	size   uintptr
	mapped *physical // nil: none
}

// physical is memory that can be mapped. What it has held isn't there at other addresses: nobody may rely on it.
type physical struct {
	size uintptr
	at   *reservation // nil: it isn't mapped
}

// held returns the number of bytes that the GPU lacks: of allocations, and of physical memory, mapped or not.
func (g *gpu) held() int {
	n := g.Held()
	for _, p := range g.physical {
		n += int(p.size)
	}
	return n
}

// virtualCalls are the functions of virtual memory management. All sizes and addresses must be those of a whole reservation, which the
// driver doesn't demand. Nothing waits for queued work: work that comes later to memory that is no longer mapped fails.
func (g *gpu) virtualCalls() map[string]any {
	fits := func(size uintptr) bool { return size > 0 && size%Granularity == 0 }
	whole := func(addr, size uintptr) *reservation {
		if r := g.reservations[uint64(addr)]; r != nil && r.size == size {
			return r
		}
		return nil
	}
	return map[string]any{
		"cuMemGetAllocationGranularity": func(to, properties, _ uintptr) uintptr {
			if !forThisGPU(properties) {
				return invalidValue
			}
			return give(to, Granularity)
		},
		"cuMemAddressReserve": func(to, size, _, _, _ uintptr) uintptr {
			if !fits(size) {
				return invalidValue
			}
			region, err := pages.Reserve(int(size))
			if err != nil {
				return g.code(err)
			}
			addr := uintptr(unsafe.Pointer(unsafe.SliceData(region.Bytes())))
			g.reservations[uint64(addr)] = &reservation{region: region, addr: uint64(addr), size: size}
			return give(to, addr)
		},
		"cuMemAddressFree": func(addr, size uintptr) uintptr {
			r := whole(addr, size)
			if r == nil || r.mapped != nil {
				return invalidValue
			}
			delete(g.reservations, r.addr)
			return g.code(r.region.Free())
		},
		"cuMemCreate": func(to, size, properties, _ uintptr) uintptr {
			switch {
			case !fits(size) || !forThisGPU(properties):
				return invalidValue
			case g.held()+int(size) > memoryOfDevice:
				return noMemory
			}
			n := g.handle()
			g.physical[n] = &physical{size: size}
			return give(to, n)
		},
		"cuMemRelease": func(number uintptr) uintptr {
			if p := g.physical[number]; p == nil || p.at != nil { // the driver would wait until it is unmapped
				return invalidValue
			}
			delete(g.physical, number)
			return 0
		},
		"cuMemMap": func(addr, size, offset, number, _ uintptr) uintptr {
			r, p := whole(addr, size), g.physical[number]
			if r == nil || r.mapped != nil || p == nil || p.at != nil || p.size != size || offset != 0 {
				return invalidValue
			}
			r.mapped, p.at = p, r
			return 0
		},
		"cuMemSetAccess": func(addr, size, access, count uintptr) uintptr {
			const readAndWrite = 3
			r := whole(addr, size)
			if r == nil || r.mapped == nil || count != 1 || *at[[3]int32](access) != [3]int32{1, 0, readAndWrite} {
				return invalidValue
			}
			memory := unsafe.Slice(at[uint64](uintptr(r.addr)), size/8)
			g.insert(&allocation{addr: r.addr, size: uint64(size), data: memory, mapped: true})
			return g.code(r.region.Restore())
		},
		"cuMemUnmap": func(addr, size uintptr) uintptr {
			r := whole(addr, size)
			if r == nil || r.mapped == nil {
				return invalidValue
			}
			g.Free(r.addr)
			r.mapped.at, r.mapped = nil, nil
			return g.code(r.region.Release())
		},
	}
}

// forThisGPU reports whether a CUmemAllocationProp describes pinned memory of GPU 0, and nothing else.
func forThisGPU(properties uintptr) bool {
	const pinned, device = 1, 1
	return *at[[8]int32](properties) == [8]int32{pinned, 0, device}
}
