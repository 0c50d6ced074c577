package cpu

import (
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/ram"
)

// TestTooMuchMemory checks that allocations larger than the memory panic with OutOfMemory before Go is asked, whose failure is fatal.
func TestTooMuchMemory(t *testing.T) {
	if ram.Look().Free == ram.Unlimited {
		t.Skip(runtime.GOOS, "isn't asked how much memory there is")
	}
	float32s, float64s := New(simd.Portable, 1, kernel.Highest), NewFloat64(1)
	for name, alloc := range map[string]func(){
		"float32":      func() { float32s.Alloc(1 << 44) },
		"float64":      func() { float64s.Alloc(1 << 43) },
		"indices":      func() { float64s.AllocInts(1 << 44) },
		"out of range": func() { float32s.Alloc(math.MaxInt / 2) },
	} {
		func() {
			defer func() {
				lack, ok := recover().(*fault.OutOfMemory)
				if !ok || lack.Need < 1<<46 || !strings.HasPrefix(lack.Error(), "cpu/") {
					t.Errorf("%s: %v", name, lack)
				}
			}()
			alloc()
		}()
	}
	if b := float32s.Alloc(1 << 20); b.Len != 1<<20 {
		t.Errorf("afterwards: %d elements, want 2²⁰", b.Len)
	}
}
