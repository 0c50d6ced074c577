package train

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// leastGarbage is how much garbage a paced collector waits for at least, in bytes. A collection follows every pointer of the
// tokenizers, of the file names and of the kernels; for less garbage than this it would cost more time than a step.
const leastGarbage = 16 << 20

// collector is the pace of the garbage collector, which all trainings of the process share.
var collector struct {
	sync.Mutex
	users     int  // trainings that have not ended
	before    int  // the percentage to go back to
	percent   int  // that is set now
	following bool // whether a cleanup waits for the next collection
}

// PaceCollector makes the garbage collector run when there is garbage of 2 % of the heap or of 16 MiB, whichever is more,
// until the returned function is called. Nearly all memory of a training is tensors, which live on and hold no pointers: a
// collection costs little, and the garbage of the steps can't double the size of the process.
func PaceCollector() (restore func()) {
	collector.Lock()
	defer collector.Unlock()
	if collector.users++; collector.users == 1 {
		collector.percent = percentFor(liveHeap())
		collector.before = debug.SetGCPercent(collector.percent)
		if !collector.following {
			followCollections()
		}
	}
	return func() {
		collector.Lock()
		defer collector.Unlock()
		if collector.users--; collector.users == 0 {
			debug.SetGCPercent(collector.before)
		}
	}
}

// followCollections sets the percentage anew after each collection, as long as there is a training: data that are loaded and
// cached raise the heap. It rests on a cleanup, which the runtime calls once its object has been collected.
func followCollections() {
	collector.following = true
	runtime.AddCleanup(new(*int), func(struct{}) {
		collector.Lock()
		defer collector.Unlock()
		if collector.following = collector.users > 0; !collector.following {
			return
		}
		if percent := percentFor(liveHeap()); percent != collector.percent {
			collector.percent = percent
			debug.SetGCPercent(percent)
		}
		followCollections()
	}, struct{}{})
}

// percentFor returns the GC percentage for a live heap of that size in bytes.
func percentFor(live uint64) int {
	return max(2, min(400, int(100*leastGarbage/max(live, 1))))
}

// liveHeap is how much of the heap the last collection has kept, in bytes.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
