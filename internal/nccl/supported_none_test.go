//go:build !linux || !(amd64 || arm64) || nocuda

package nccl

import (
	"strings"
	"testing"
)

// TestNotSupported checks what a binary says that can't open NCCL, whatever is installed.
func TestNotSupported(t *testing.T) {
	t.Setenv(Variable, "/nowhere/libnccl.so.2")
	if _, err := Open(); err == nil || !strings.HasPrefix(err.Error(), "NCCL isn't available") {
		t.Errorf("%v", err)
	}
}
