package tensor

import (
	"cmp"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// buffers are those that no tensor uses, by their size class. Work that is repeated finds the buffers of the time before.
type buffers struct {
	free map[int]*sizeList
	turn int              // of Exclusive
	used [recentTurns]int // bytes of the classes that each of the last turns with work used
}

// sizeList are idle buffers of one size class.
type sizeList struct {
	buffers []kernel.Buffer
	turn    int // in which one was last taken
}

// recentTurns is the number of turns whose buffers are kept, whatever their sizes.
const recentTurns = 16

// sizeClass rounds a length up, so that buffers of similar lengths can be reused for each other: to a multiple of 64, and from
// 4096 on to a multiple of a 32nd to a 64th of the length.
func sizeClass(n int) int {
	unit := 64
	for unit*64 <= n {
		unit *= 2
	}
	return (n + unit - 1) / unit * unit
}

// take returns an uninitialised buffer of n elements from the pool; release it with give.
func (d *Device) take(n int) kernel.Buffer {
	class := sizeClass(n)
	list := d.idle.list(class)
	if len(list.buffers) == 0 && d.features.HostMemory {
		if larger := d.idle.larger(class); larger != nil {
			list = larger
		}
	}
	list.turn = d.idle.turn
	if last := len(list.buffers) - 1; last >= 0 {
		b := list.buffers[last]
		list.buffers = list.buffers[:last]
		b.Len = n
		return b
	}
	b := d.alloc(class)
	b.Len, b.Room = n, class
	return b
}

// larger returns the smallest class with an idle buffer among those that are up to half as large again, nil if there is none.
// Batches of captions have a length of their own each; so the buffers of the longest serve all. New memory costs more than the
// work on it: the system clears each page when it is first touched.
func (i *buffers) larger(class int) (best *sizeList) {
	smallest := class + class/2 + 1
	for size, list := range i.free {
		if class < size && size < smallest && len(list.buffers) > 0 {
			smallest, best = size, list
		}
	}
	return best
}

// list returns the list of a size class.
func (i *buffers) list(class int) *sizeList {
	list := i.free[class]
	if list == nil {
		list = new(sizeList)
		i.free[class] = list
	}
	return list
}

// alloc allocates. If memory is not enough, it frees the idle buffers and tries again.
func (d *Device) alloc(n int) (b kernel.Buffer) {
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case *fault.OutOfMemory:
			for _, list := range d.idle.free {
				d.drop(list)
			}
			b = d.kernels.Alloc(n)
		default:
			panic(failure)
		}
	}()
	return d.kernels.Alloc(n)
}

// give releases a buffer of take to the pool.
func (d *Device) give(b kernel.Buffer) {
	if b.IsNil() {
		return
	}
	b.Len = b.Room
	list := d.idle.list(b.Room)
	list.buffers = append(list.buffers, b)
}

// drop frees the buffers of a list.
func (d *Device) drop(list *sizeList) {
	for _, b := range list.buffers {
		d.kernels.Free(b)
	}
	list.buffers = nil
}

// bytes is the memory of a list, whose buffers are all alike.
func (l *sizeList) bytes() int {
	if len(l.buffers) == 0 {
		return 0
	}
	return len(l.buffers) * l.buffers[0].Len * l.buffers[0].Size
}

// trim ends a turn of the device. If the idle buffers take more than an eighth above what the largest of the last turns used,
// those are freed that were not used for the longest time: a server whose batches have many sizes doesn't keep the buffers of
// each. The buffers of a GPU stay, as its graphs know their addresses.
func (d *Device) trim() {
	if !d.features.HostMemory {
		return
	}
	i, total, used := &d.idle, 0, 0
	for _, list := range i.free {
		n := list.bytes()
		total += n
		if list.turn == i.turn {
			used += n
		}
	}
	if used == 0 {
		return // a turn without work doesn't count
	}
	i.used[i.turn%recentTurns] = used
	i.turn++
	most := slices.Max(i.used[:])
	most += most / 8
	if total <= most {
		return
	}
	var classes []int
	for class := range i.free {
		classes = append(classes, class)
	}
	slices.SortFunc(classes, func(a, b int) int { return cmp.Or(i.free[a].turn-i.free[b].turn, a-b) })
	for _, class := range classes {
		if total <= most {
			return
		}
		total -= i.free[class].bytes()
		d.drop(i.free[class])
		delete(i.free, class)
	}
}
