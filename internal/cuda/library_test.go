//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
)

// TestOpenDriverAt checks the errors for libraries that aren't the driver.
func TestOpenDriverAt(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "libcuda.so.1")
	if _, err := openDriverAt(broken); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(broken, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		broken:      "can't open the NVIDIA driver at " + broken + ": ",
		"libc.so.6": "libc.so.6 is not the NVIDIA driver",
	} {
		if _, err := openDriverAt(path); err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestAbsent distinguishes machines without a GPU from those where it doesn't work.
func TestAbsent(t *testing.T) {
	for err, want := range map[error]bool{
		absent("no driver"):                                                              true,
		fmt.Errorf("wrapped: %w", absent("no driver")):                                   true,
		fmt.Errorf("wrapped: %w", &fault.DeviceError{Call: "cuInit", Code: 100}):         true,
		fmt.Errorf("wrapped: %w", &fault.DeviceError{Call: "cuInit", Code: 999}):         false,
		fmt.Errorf("wrapped: %w", &fault.DeviceError{Call: "cuStreamCreate", Code: 100}): false,
	} {
		if Absent(err) != want {
			t.Errorf("%v: %v", err, !want)
		}
	}
}

// TestFileOf finds the C library, by one of its functions.
func TestFileOf(t *testing.T) {
	library, err := openLibrary("libc.so.6")
	if err != nil {
		t.Fatal(err)
	}
	function, err := findSymbol(library, "getpid")
	if err != nil {
		t.Fatal(err)
	}
	if got := fileOf(function, "?"); !filepath.IsAbs(got) || !strings.HasPrefix(filepath.Base(got), "libc") {
		t.Errorf("getpid is from %s", got)
	}
	if got := fileOf(1, "?"); got != "?" {
		t.Errorf("nothing is from %s", got)
	}
}

// TestKernelsThatDontCompile has a driver that refuses a module and writes the reason to the log.
func TestKernelsThatDontCompile(t *testing.T) {
	functions := maps.Clone(emulator.Functions())
	functions["cuModuleLoadDataEx"] = purego.NewCallback(func(_, _, _, _, values uintptr) uintptr {
		log := **(***[64]byte)(unsafe.Pointer(&values))
		copy(log[:], "fatal :\n no such thing\n\x00")
		return uintptr(noCompiler)
	})
	d := another(t, functions, true)
	defer func() {
		failure, _ := recover().(*fault.DeviceError)
		if failure == nil || failure.Code != int(noCompiler) || !strings.Contains(failure.Error(), ": fatal : no such thing; install the libnvidia-ptxjitcompiler.so.1") {
			t.Errorf("error %v", failure)
		}
	}()
	d.Fill(d.Alloc(3), 1)
}
