package emulator

import (
	"fmt"
	"slices"
	"sort"
	"unsafe"
)

// allocation is a block of memory, with a record of the accesses to each word of 4 bytes.
type allocation struct {
	addr, size uint64
	mapped     bool     // to reserved addresses, so it isn't counted here
	host       bool     // pinned memory, which the program writes as well, unseen by the emulator
	data       []uint64 // keeps it alive
	written    []uint64 // a bit for each word that has been written
	accesses   []*accessPage
}

// accessPage has the accesses to some consecutive words. It is made at the first access by a kernel.
type accessPage [256]access

// Alloc returns the address of size uninitialised bytes.
func (m *Machine) Alloc(size int) uint64 { return m.allocate(size, false) }

// AllocHost is Alloc for pinned host memory. All of it counts as written.
func (m *Machine) AllocHost(size int) uint64 { return m.allocate(size, true) }

func (m *Machine) allocate(size int, host bool) uint64 {
	data := make([]uint64, (size+7)/8+64)
	a := &allocation{addr: (uint64(uintptr(unsafe.Pointer(&data[0]))) + 255) &^ 255, size: uint64(size), data: data, host: host}
	m.insert(a)
	return a.addr
}

// insert adds a block whose words have not been written.
func (m *Machine) insert(a *allocation) {
	words := int(a.size+3) / 4
	a.written, a.accesses = make([]uint64, (words+63)/64), make([]*accessPage, (words+len(accessPage{})-1)/len(accessPage{}))
	at := sort.Search(len(m.blocks), func(i int) bool { return m.blocks[i].addr > a.addr })
	m.blocks = slices.Insert(m.blocks, at, a)
}

// Free frees an allocation.
func (m *Machine) Free(addr uint64) {
	m.blocks = slices.DeleteFunc(m.blocks, func(a *allocation) bool { return a.addr == addr })
	m.recent = nil
}

// Held returns the number of allocated bytes, without pinned host memory and what is mapped to reserved addresses.
func (m *Machine) Held() int {
	n := uint64(0)
	for _, a := range m.blocks {
		if !a.mapped && !a.host {
			n += a.size
		}
	}
	return int(n)
}

// Written returns a view of n bytes at addr for a copy that writes them.
func (m *Machine) Written(addr, n uint64) []byte {
	a := m.find(addr, n)
	a.mark(addr, n)
	return a.bytes(addr, n)
}

// Read returns a view of n bytes at addr, which must have been written.
func (m *Machine) Read(addr, n uint64) []byte {
	a := m.find(addr, n)
	a.mustHold(addr, n)
	return a.bytes(addr, n)
}

// find returns the allocation that contains n bytes at addr.
func (m *Machine) find(addr, n uint64) *allocation {
	if a := m.recent; a != nil && addr >= a.addr && addr+n <= a.addr+a.size {
		return a
	}
	at := sort.Search(len(m.blocks), func(i int) bool { return m.blocks[i].addr > addr }) - 1
	if at < 0 || addr+n > m.blocks[at].addr+m.blocks[at].size {
		near := ""
		if at >= 0 {
			near = fmt.Sprintf("; %d bytes after the beginning of %d bytes at %#x", addr-m.blocks[at].addr, m.blocks[at].size, m.blocks[at].addr)
		}
		panic(fault(fmt.Sprintf("%d bytes at %#x are not allocated%s", n, addr, near)))
	}
	m.recent = m.blocks[at]
	return m.recent
}

func (a *allocation) bytes(addr, n uint64) []byte {
	base := unsafe.Pointer(&a.data[0])
	return unsafe.Slice((*byte)(unsafe.Add(base, addr-uint64(uintptr(base)))), n)
}

// mark records that n bytes at addr are written.
func (a *allocation) mark(addr, n uint64) {
	if n == 0 {
		return
	}
	first, last := (addr-a.addr)/4, (addr-a.addr+n-1)/4
	for word := first; word <= last; word++ {
		if word%64 == 0 && word+63 <= last {
			a.written[word/64] = ^uint64(0)
			word += 63
			continue
		}
		a.written[word/64] |= 1 << (word % 64)
	}
}

// mustHold panics unless n bytes at addr have been written.
func (a *allocation) mustHold(addr, n uint64) {
	if a.host || n == 0 {
		return
	}
	for word := (addr - a.addr) / 4; word <= (addr-a.addr+n-1)/4; word++ {
		switch bits := a.written[word/64]; {
		case bits == ^uint64(0) && word%64 == 0:
			word += 63
		case bits>>(word%64)&1 == 0:
			panic(fault(fmt.Sprintf("word %d of the %d bytes at %#x is read, but was never written", word, a.size, a.addr)))
		}
	}
}

// access returns the record of a word.
func (a *allocation) access(word uint64) *access {
	const size = uint64(len(accessPage{}))
	p := a.accesses[word/size]
	if p == nil {
		p = new(accessPage)
		a.accesses[word/size] = p
	}
	return &p[word%size]
}
