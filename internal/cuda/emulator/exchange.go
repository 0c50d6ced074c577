package emulator

// exchange records the fences and atomic operations of a block. What a thread writes before a fence and a subsequent atomic
// operation is visible to a thread of another block after an atomic operation at the same address and a fence (PTX ISA, "Memory
// Consistency Model": membar is fence.sc, which has one order for all threads).
type exchange struct {
	fences  [][]uint32 // of each thread: number of barriers passed before each fence
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

// fence orders what the thread has written before its later accesses.
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

// recordAtomic records an atomic operation.
func (t *thread) recordAtomic(addr uint64) {
	e := t.exchange()
	e.atomics = append(e.atomics, atomicAccess{addr, t.index, t.epoch})
}

// receives reports whether a write by another block is visible to this thread.
func (t *thread) receives(a *access) bool {
	theirs, ours := t.machine.exchanges[a.writeRun], t.machine.exchanges[t.number]
	if theirs == nil || ours == nil || a.notes&fenced == 0 || len(ours.fences[t.index]) == 0 {
		return false
	}
	var fence uint32 // the first of the writer after the write
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
