package emulator

import "fmt"

// access records the last accesses to a word of memory. Block numbers are never reused, so records of earlier launches need no
// clearing.
type access struct {
	writeRun, writeEpoch uint32 // number of the block, and of the barriers that it had passed
	readRun, readEpoch   uint32
	writer, reader       uint16 // threads
	writeWarp, readWarp  uint16 // barriers that the thread's warp had passed
	notes                notes
	bytes                uint8 // of shared memory: those that have been written
}

type notes uint8

const (
	readByBlocks   notes = 1 << iota // by several blocks of this launch
	readByWarps                      // by several warps of the block, since its last barrier
	readByLanes                      // by several lanes of the warp, since its last barrier
	readAsConstant                   // through the read-only cache, which doesn't see writes
	wroteAtomic
	fenced   // the writing thread has passed a fence since
	underWay // an asynchronous copy that no thread has waited for
)

const ofReads = readByBlocks | readByWarps | readByLanes | readAsConstant

// Ways to access memory.
type how int

const (
	reading how = iota
	readingConstant
	writing
	atomically
)

// touch checks that an access to a word doesn't race with those of other threads since block number first, and records it.
func (t *thread) touch(a *access, how how, first uint32) {
	if a.notes&underWay != 0 {
		panic(fault("the memory is the destination of a copy that has not been waited for"))
	}
	t.followsWrite(a, how, first)
	if how == reading || how == readingConstant {
		t.noteRead(a, how, first)
		return
	}
	t.followsReads(a, first)
	a.writeRun, a.writeEpoch, a.writer, a.writeWarp = t.number, t.epoch, uint16(t.index), t.warps[t.index/32]
	a.notes &^= wroteAtomic | fenced
	if how == atomically {
		a.notes |= wroteAtomic
	}
}

// followsWrite checks that the last write is by this thread or ordered before this access.
func (t *thread) followsWrite(a *access, how how, first uint32) {
	switch {
	case a.writeRun < first:
	case how == readingConstant:
		panic(fault(fmt.Sprintf("thread %d reads through the read-only cache (.nc) what this launch has written", t.index)))
	case how == atomically && a.notes&wroteAtomic != 0:
	case a.writeRun != t.number:
		if how != reading || !t.receives(a) {
			panic(fault(fmt.Sprintf("thread %d accesses what thread %d of another block has written in this launch, without fences and an atomic operation in between", t.index, a.writer)))
		}
	case a.writeEpoch == t.epoch && t.concurrent(a.writer, a.writeWarp):
		panic(fault(fmt.Sprintf("threads %d and %d access a word without a barrier in between: the first has written", a.writer, t.index)))
	}
}

// followsReads checks that all other reads of a word are ordered before this write.
func (t *thread) followsReads(a *access, first uint32) {
	switch {
	case a.readRun < first:
	case a.notes&readAsConstant != 0:
		panic(fault(fmt.Sprintf("thread %d writes what this launch reads through the read-only cache (.nc)", t.index)))
	case a.readRun != t.number || a.notes&readByBlocks != 0:
		panic(fault(fmt.Sprintf("thread %d writes what another block reads in this launch", t.index)))
	case a.readEpoch != t.epoch:
	case a.notes&readByWarps != 0 || t.concurrent(a.reader, a.readWarp) || a.notes&readByLanes != 0 && a.readWarp == t.warps[t.index/32]:
		panic(fault(fmt.Sprintf("threads %d and %d access a word without a barrier in between: the first has read, the second writes", a.reader, t.index)))
	}
}

// concurrent reports whether an access by another thread of the block since the last barrier, when its warp had passed the given
// number of warp barriers, may happen at the same time as one by this thread.
func (t *thread) concurrent(other, warpBarriers uint16) bool {
	return int(other) != t.index && (int(other)/32 != t.index/32 || warpBarriers == t.warps[t.index/32])
}

func (t *thread) noteRead(a *access, how how, first uint32) {
	me, warp := uint16(t.index), t.warps[t.index/32]
	switch {
	case a.readRun < first:
		a.notes &^= ofReads
	case a.readRun != t.number:
		a.notes = a.notes&^(readByWarps|readByLanes) | readByBlocks
	case a.readEpoch != t.epoch:
		a.notes &^= readByWarps | readByLanes
	case a.reader/32 != me/32:
		a.notes |= readByWarps
	case a.readWarp != warp:
		a.notes &^= readByLanes
	case a.reader != me:
		a.notes |= readByLanes
	}
	if how == readingConstant {
		a.notes |= readAsConstant
	}
	a.readRun, a.readEpoch, a.reader, a.readWarp = t.number, t.epoch, me, warp
}
