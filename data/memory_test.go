package data

import (
	"errors"
	"runtime"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ram"
)

// outOfMemory reports whether an error is a [fault.OutOfMemory].
func outOfMemory(t *testing.T, err error) bool {
	t.Helper()
	if ram.Look().Free == ram.Unlimited {
		t.Skip(runtime.GOOS, "isn't asked how much memory there is")
	}
	var lack *fault.OutOfMemory
	return errors.As(err, &lack)
}

func TestPicturesThatNoMachineHolds(t *testing.T) {
	s := Source{Layout: "test", Path: "vast", Items: make([]Item, 1<<20)}
	if _, err := Load(s, Options{Size: 2048, Cache: NoCache}); !outOfMemory(t, err) {
		t.Errorf("Load: %v", err)
	}
	defer func() {
		if err, _ := recover().(error); !outOfMemory(t, err) {
			t.Errorf("Where: %v", err)
		}
	}()
	vast := &Dataset{Size: 1 << 20, Classes: []string{"a"}, Labels: make([]int, 1000)}
	vast.Where(func(int) bool { return true })
}
