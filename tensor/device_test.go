package tensor

import (
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/cpu"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// narrow is a device with memory for a limited number of elements.
type narrow struct {
	kernel.Device
	room int
}

func (d *narrow) Alloc(n int) kernel.Buffer {
	if n > d.room {
		panic(&fault.OutOfMemory{Device: "narrow", Need: 8 * n, Available: 8 * d.room})
	}
	d.room -= n
	return d.Device.Alloc(n)
}

func (d *narrow) Free(b kernel.Buffer) { d.room += b.Len }

// TestIdleMemoryIsGivenBack checks that what steps keep for reuse makes room for other lengths.
func TestIdleMemoryIsGivenBack(t *testing.T) {
	d := newDevice(&narrow{cpu.NewFloat64(1), 1000})
	lengths := func(lengths ...int) (lack *fault.OutOfMemory) {
		s := d.Scratch()
		defer s.End()
		defer func() {
			if failure := recover(); failure != nil {
				lack = failure.(*fault.OutOfMemory)
			}
		}()
		for _, n := range lengths {
			d.Zeros(n)
		}
		return nil
	}
	for _, fits := range [][]int{{512, 384}, {960}, {64, 128, 192}, {832, 128}} {
		if lack := lengths(fits...); lack != nil {
			t.Fatalf("%d elements don't fit: %v", fits, lack)
		}
	}
	if lack := lengths(512, 512); lack == nil || lack.Need != 8*512 || lack.Available != 8*488 {
		t.Errorf("2×512 elements in room for 1000: %v", lack)
	}
	if lack := lengths(960); lack != nil {
		t.Errorf("after a lack of memory: %v", lack)
	}
}
