package emulator

import "fmt"

// access tells who touched a word of memory last. Blocks have numbers that never come again, so what launches before have
// done needs no clearing.
type access struct {
	writeRun, writeEpoch uint32 // number of the block, and of barriers that it had passed
	readRun, readEpoch   uint32
	writer, reader       uint16 // threads
	writeWarp, readWarp  uint16 // barriers of the thread's warp passed
	notes                notes
	bytes                uint8 // of shared memory: which have been written
}

type notes uint8

const (
	readByBlocks   notes = 1 << iota // by several in this launch
	readByWarps                      // by several of the block, since its last barrier
	readByLanes                      // by several of the warp, since its last barrier
	readAsConstant                   // through the cache that doesn't see writes
	wroteAtomic
	fenced   // the write is past a fence of its thread
	underWay // an asynchronous copy that has not been waited for
)

const ofReads = readByBlocks | readByWarps | readByLanes | readAsConstant

// how a thread touches memory.
type how int

const (
	reading how = iota
	readingConstant
	writing
	atomically
)

// touch checks that an access to a word goes together with those of other threads since block number first, and notes it.
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

// followsWrite checks that what has been written last was written by this thread or is ordered before it.
func (t *thread) followsWrite(a *access, how how, first uint32) {
	switch {
	case a.writeRun < first:
	case how == readingConstant:
		panic(fault(fmt.Sprintf("thread %d reads as constant (.nc) what this launch has written", t.index)))
	case how == atomically && a.notes&wroteAtomic != 0:
	case a.writeRun != t.number:
		if how != reading || !t.hears(a) {
			panic(fault(fmt.Sprintf("thread %d meets what thread %d of another block has written in this launch, without fences and an atomic operation between", t.index, a.writer)))
		}
	case a.writeEpoch == t.epoch && t.concurrent(a.writer, a.writeWarp):
		panic(fault(fmt.Sprintf("threads %d and %d meet without a barrier between: the first has written", a.writer, t.index)))
	}
}

// followsReads checks that what is about to be written has been read by this thread only, or before a barrier.
func (t *thread) followsReads(a *access, first uint32) {
	switch {
	case a.readRun < first:
	case a.notes&readAsConstant != 0:
		panic(fault(fmt.Sprintf("thread %d writes what this launch reads as constant (.nc)", t.index)))
	case a.readRun != t.number || a.notes&readByBlocks != 0:
		panic(fault(fmt.Sprintf("thread %d writes what another block reads in this launch", t.index)))
	case a.readEpoch != t.epoch:
	case a.notes&readByWarps != 0 || t.concurrent(a.reader, a.readWarp) || a.notes&readByLanes != 0 && a.readWarp == t.warps[t.index/32]:
		panic(fault(fmt.Sprintf("threads %d and %d meet without a barrier between: the first has read, the second writes", a.reader, t.index)))
	}
}

// concurrent tells whether another thread of the block, at a time since the last barrier when its warp had passed so many
// barriers of its own, may run at the same time as this one.
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
