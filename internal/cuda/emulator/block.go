package emulator

import "fmt"

// state is the state of a thread.
type state int

const (
	running   state = iota
	atWarp          // waits for its warp at a collective instruction
	atBarrier       // waits for its block
	done
)

type thread struct {
	*block
	regs     []uint64
	pc       int
	id       [3]uint32
	index    int // in the block
	state    state
	local    []byte
	unfenced []*access // words written since the last fence, in kernels with fences
	copies   []asyncCopy
	groups   int // of copies that have been committed
}

// block is a running block. Its threads run one after the other from one barrier or collective instruction to the next.
type block struct {
	machine   *Machine
	kernel    *Kernel
	grid, dim [3]uint32
	id        [3]uint32
	params    []byte
	shared    []byte
	shadow    []access // for each word of shared memory
	threads   []thread
	running   *thread
	first     uint32   // number of the first block of the launch
	number    uint32   // of this block
	epoch     uint32   // number of barriers passed
	warps     []uint16 // number of barriers that each warp passed
}

func newBlock(m *Machine, k *Kernel, grid, dim [3]uint32, shared uint32, params []byte) *block {
	size := int(k.sharedSize) + int(shared)
	n := int(dim[0] * dim[1] * dim[2])
	if len(m.threads) < n {
		m.threads = make([]thread, n)
	}
	if len(m.registers) < n*k.registers {
		m.registers = make([]uint64, n*k.registers)
	}
	if len(m.shared) < size {
		m.shared, m.shadow = make([]byte, size), make([]access, (size+3)/4)
	}
	b := &block{machine: m, kernel: k, grid: grid, dim: dim, params: params, shared: m.shared[:size], shadow: m.shadow[:(size+3)/4]}
	b.threads, b.warps = m.threads[:n], make([]uint16, (n+31)/32)
	clear(b.shared)
	clear(b.shadow)
	for i := range b.threads {
		t := &b.threads[i]
		t.block, t.index = b, i
		t.id = [3]uint32{uint32(i) % dim[0], uint32(i) / dim[0] % dim[1], uint32(i) / dim[0] / dim[1]}
		t.regs = m.registers[i*k.registers:][:k.registers]
		if len(t.local) != int(k.localSize) {
			t.local = make([]byte, k.localSize)
		}
	}
	return b
}

// at returns the current instruction.
func (b *block) at() *instruction { return &b.kernel.code[b.running.pc-1] }

// run runs one block, its threads in the given order.
func (b *block) run(order []int) {
	b.epoch = 0
	clear(b.warps)
	for i := range b.threads {
		t := &b.threads[i]
		t.pc, t.state, t.groups = 0, running, 0
		t.unfenced, t.copies = t.unfenced[:0], t.copies[:0]
		for j := range t.local { // marks local memory as uninitialised
			t.local[j] = 0xa5
		}
	}
	code := b.kernel.code
	for {
		moved := false
		for _, i := range order {
			t := &b.threads[i]
			b.running = t
			for t.state == running {
				moved = true
				in := &code[t.pc]
				t.pc++
				if in.guard < 0 || t.regs[in.guard] == in.want {
					in.run(t)
				}
			}
		}
		if b.meetWarps() || b.meetBlock() {
			continue
		}
		if b.all(done) {
			return
		}
		if !moved {
			panic(fault("threads wait for each other at different instructions, such as this one"))
		}
	}
}

// all reports whether every thread is in a state.
func (b *block) all(s state) bool {
	for i := range b.threads {
		if b.threads[i].state != s {
			return false
		}
	}
	return true
}

// meetBlock resumes the threads if all have reached a barrier, which must be the same one. A GPU allows threads to have ended
// before; the kernels don't rely on that.
func (b *block) meetBlock() bool {
	if !b.all(atBarrier) {
		return false
	}
	for i := range b.threads {
		if t := &b.threads[i]; t.pc != b.threads[0].pc {
			panic(fault(fmt.Sprintf("threads 0 and %d have reached different barriers", i)))
		}
		b.threads[i].state = running
	}
	b.epoch++
	return true
}

// meetWarps resumes the warps whose threads have all reached the same collective instruction.
func (b *block) meetWarps() (moved bool) {
	for w := range b.warps {
		lanes := b.threads[32*w : min(len(b.threads), 32*w+32)]
		if !together(lanes) {
			continue
		}
		b.running = &lanes[0]
		if len(lanes) < 32 {
			panic(fault("a collective instruction of a warp without all of its 32 lanes"))
		}
		b.at().together(lanes)
		for i := range lanes {
			lanes[i].state = running
		}
		moved = true
	}
	return moved
}

// together reports whether all lanes of a warp wait at the same instruction.
func together(lanes []thread) bool {
	for i := range lanes {
		if lanes[i].state != atWarp || lanes[i].pc != lanes[0].pc {
			return false
		}
	}
	return true
}
