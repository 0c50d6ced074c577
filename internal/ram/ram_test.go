package ram

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
)

func TestCheck(t *testing.T) {
	if err := Check("test", 1<<20); err != nil {
		t.Errorf("a MiB: %v", err)
	}
	if Look().Free == Unlimited {
		t.Skip(runtime.GOOS, "isn't asked how much memory there is")
	}
	err := Check("test", 1<<55)
	var lack *fault.OutOfMemory
	if !errors.As(err, &lack) || lack.Need != 1<<55 || lack.Held <= 0 || lack.Available <= 0 || lack.Memory < lack.Held {
		t.Fatalf("2⁵⁵ bytes: %+v", lack)
	}
	if !strings.HasPrefix(err.Error(), "test: out of memory: 34359738368 MiB more are needed, ") || !strings.Contains(err.Error(), "lower the batch size") {
		t.Error(err)
	}
}

// TestUntouched checks that memory counts from its allocation on, and is to be had again once nobody refers to it.
func TestUntouched(t *testing.T) {
	before := Look().Free
	if before == Unlimited || before < 8<<30 {
		t.Skipf("%d bytes are free, too few to tell what others take from what is taken here", before)
	}
	const size = 4 << 30
	taken := make([]byte, size)
	if after := Look().Free; after > before-size/2 {
		t.Errorf("%d bytes are free, after %d were taken %d", before, size, after)
	}
	runtime.KeepAlive(taken)
	if err := Check("test", before-size/2); err != nil {
		t.Error(err)
	}
	if after := Look().Free; after < before-size/2 {
		t.Errorf("%d bytes were free, after %d came back %d", before, size, after)
	}
}

func TestTotal(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		name                       string
		free, resident, held, want int
	}{
		{"all that Go has is touched", 8 * gib, 3 * gib, 3 * gib, 8 * gib},
		{"nothing is", 8 * gib, 0, 3 * gib, 5 * gib},
		{"others are resident, too", 8 * gib, 5 * gib, 3 * gib, 8 * gib},
		{"what is resident isn't known", 8 * gib, -1, 3 * gib, 8 * gib},
		{"more is promised than there is", gib, 0, 3 * gib, 0},
	} {
		if got := (system{memory: 16 * gib, free: c.free, resident: c.resident}).total(c.held); got != (Total{16 * gib, c.want}) {
			t.Errorf("%s: %+v, want %d free", c.name, got, c.want)
		}
	}
}
