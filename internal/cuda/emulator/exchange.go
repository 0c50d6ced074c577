package emulator

// exchange is what a block did to be heard by others of its launch: what is written before a fence, and then told by an
// atomic operation, is seen by who takes note of it with an atomic operation at the same address and passes a fence
// (PTX ISA, "Memory Consistency Model": membar is fence.sc, of which there is one order for all threads).
type exchange struct {
	fences  [][]uint32 // by thread: number of barriers passed before each
	atomics []atomicAccess
}

type atomicAccess struct {
	addr   uint64
	thread int
	epoch  uint32
}

func (b *block) exchange() *exchange {
	e := b.machine.exchanges[b.number]
	if e == nil {
		e = &exchange{fences: make([][]uint32, len(b.threads))}
		b.machine.exchanges[b.number] = e
	}
	return e
}

// fence orders what the thread has written before what it does from now on.
func (t *thread) fence() {
	for _, a := range t.unfenced {
		if a.writeRun == t.number && int(a.writer) == t.index {
			a.notes |= fenced
		}
	}
	t.unfenced = t.unfenced[:0]
	e := t.exchange()
	e.fences[t.index] = append(e.fences[t.index], t.epoch)
}

// tells notes an atomic operation.
func (t *thread) tells(addr uint64) {
	e := t.exchange()
	e.atomics = append(e.atomics, atomicAccess{addr, t.index, t.epoch})
}

// hears tells whether what another block has written is sure to be seen by this thread.
func (t *thread) hears(a *access) bool {
	theirs, ours := t.machine.exchanges[a.writeRun], t.machine.exchanges[t.number]
	if theirs == nil || ours == nil || a.notes&fenced == 0 || len(ours.fences[t.index]) == 0 {
		return false
	}
	var fence uint32 // the first of the writer behind the write
	for _, fence = range theirs.fences[a.writer] {
		if fence >= a.writeEpoch {
			break
		}
	}
	last := ours.fences[t.index][len(ours.fences[t.index])-1]
	for _, told := range theirs.atomics {
		if fence > told.epoch || fence == told.epoch && told.thread != int(a.writer) {
			continue
		}
		for _, noted := range ours.atomics {
			if noted.addr == told.addr && (last > noted.epoch || last == noted.epoch && noted.thread == t.index) {
				return true
			}
		}
	}
	return false
}
