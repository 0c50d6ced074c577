package data

import (
	"slices"
	"testing"
)

func TestBalance(t *testing.T) {
	labels := append(make([]int, 15), 1, 1, 1, 2, 2) // classes of 15, 3 and 2
	o := NewOrder(labels, true, true)
	list, shown := make([]int, len(labels)), make([]int, len(labels))
	total := make([]int, 3)
	const epochs = 60
	for epoch := range epochs {
		o.Fill(list, 9, epoch)
		counts, times := make([]int, 3), make([]int, len(labels))
		for _, i := range list {
			counts[labels[i]]++
			total[labels[i]]++
			times[i]++
			shown[i]++
		}
		for c, n := range counts {
			if n < 6 || n > 7 {
				t.Errorf("epoch %d shows %d of class %d, want 6 or 7", epoch, n, c)
			}
		}
		for i, n := range times {
			if least := counts[labels[i]] / []int{15, 3, 2}[labels[i]]; n < least || n > least+1 {
				t.Errorf("epoch %d shows picture %d %d times, want %d or %d", epoch, i, n, least, least+1)
			}
		}
	}
	if slices.Min(total) != slices.Max(total) {
		t.Errorf("classes shown %v times in %d epochs, want the same", total, epochs)
	}
	for i, n := range shown[:15] { // 400/15 = 27 expected
		if n < 14 || n > 42 {
			t.Errorf("picture %d of the large class was shown %d times in %d epochs", i, n, epochs)
		}
	}
}

func TestPhilox(t *testing.T) {
	p := NewPhilox(0, 0, 0)
	if first, second := p.Uint64(), p.Uint64(); first != 0xe169c58d6627e8d5 || second != 0x9b00dbd8bc57ac4c {
		t.Errorf("stream begins %x, %x", first, second)
	}
}
