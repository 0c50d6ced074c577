package cpu

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// guarded copies v between two pages that must not be touched: to the end of what lies between them, or the beginning.
func guarded(t *testing.T, v []float32, atEnd bool) []float32 {
	page := syscall.Getpagesize()
	size := ceil(4*len(v), page) * page
	memory, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(memory) })
	for _, guard := range [][]byte{memory[:page], memory[page+size:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	between := unsafe.Slice((*float32)(unsafe.Pointer(&memory[page])), size/4)
	g := between[:len(v)]
	if atEnd {
		g = between[len(between)-len(v):]
	}
	copy(g, v)
	return g
}

// TestProductsStayInBounds reads and writes operands beside pages that can't be.
func TestProductsStayInBounds(t *testing.T) {
	eachArithmetic(t, 0, func(t *testing.T, all []*products) {
		p := all[0]
		rng := rand.New(rand.NewPCG(3, 4))
		for _, atEnd := range []bool{false, true} {
			operand := func(n int) []float32 { return guarded(t, noise(rng, n), atEnd) }
			for _, size := range [][3]int{{1, 1, 1}, {7, 3, 5}, {13, 33, 17}, {70, 47, 40}, {100, 31, 7}} {
				m, n, k := size[0], size[1], size[2]
				for trans := range 4 {
					g := kernel.Gemm{M: m, N: n, K: k, LdA: k, LdB: n, LdC: n, TransA: trans&1 != 0, TransB: trans&2 != 0}
					if g.TransA {
						g.LdA = m
					}
					if g.TransB {
						g.LdB = k
					}
					p.gemm(g, operand(m*k), operand(k*n), operand(n), operand(m*n))
					g.Accumulate = true
					p.gemm(g, operand(m*k), operand(k*n), nil, operand(m*n))
				}
			}
			for i := range 40 {
				c := rapid.Custom(drawConv).Example(i)
				x, y, w := operand(c.N*c.H*c.W*c.C), operand(c.N*c.OH*c.OW*c.O), operand(c.KH*c.KW*c.C/c.Groups*c.O)
				p.conv2d(c, x, w, operand(c.O), y)
				p.conv2dBackwardInput(c, y, w, operand(c.C), x)
				p.conv2dBackwardWeight(c, x, y, w)
			}
			for _, size := range []int{3, 4} {
				c := wideConv(size)
				x, y, w := operand(c.N*c.H*c.W*c.C), operand(c.N*c.OH*c.OW*c.O), operand(c.KH*c.KW*c.C*c.O)
				p.conv2d(c, x, w, operand(c.O), y)
				p.conv2dBackwardInput(c, y, w, operand(c.C), x)
				p.conv2dBackwardWeight(c, x, y, w)
			}
		}
	})
}
