package ram

import (
	"errors"
	"runtime/debug"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
)

// TestSetLimit limits the process, and takes the limit back.
func TestSetLimit(t *testing.T) {
	before, collector := Look(), debug.SetMemoryLimit(-1)
	SetLimit(1 << 30)
	defer SetLimit(0)
	if all := Look(); all.Memory != 1<<30 || all.Free > 1<<30 {
		t.Errorf("%+v", all)
	}
	var memory *fault.OutOfMemory
	if err := Check("test", 1<<30); !errors.As(err, &memory) || memory.Memory != 1<<30 {
		t.Errorf("a need of all memory: %v", err)
	}
	if err := Check("test", 1<<20); err != nil {
		t.Error(err)
	}
	SetLimit(2 << 30)
	SetLimit(0)
	if all := Look(); all.Memory != before.Memory || debug.SetMemoryLimit(-1) != collector {
		t.Errorf("the limit stays: %+v, %d", all, debug.SetMemoryLimit(-1))
	}
}
