package tilemachine

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/cpu"
)

// emulated is the environment variable that is set in a traced test.
const emulated = "BESTIARY_EMULATED_TILES"

// InTest makes a test that uses tiles run on any processor. It returns true where the processor has tiles, and the test goes on.
// Otherwise it runs the test again in a traced process with the given arguments, where InTest returns true; here it returns false,
// and the test must return.
func InTest(t *testing.T, processorHasTiles bool, args ...string) bool {
	t.Helper()
	if processorHasTiles || os.Getenv(emulated) != "" {
		return true
	}
	if cpu.X86.HasAMXTile {
		t.Skip("this processor executes some tile instructions itself, although the system permits no tiles; that can't be emulated")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := "^" + strings.ReplaceAll(regexp.QuoteMeta(t.Name()), "/", "$/^") + "$"
	args = append([]string{"-test.run=" + name, "-test.timeout=5m"}, args...)
	output, instructions, err := Run(program, args, append(os.Environ(), emulated+"=1"))
	switch {
	case errors.Is(err, ErrUnavailable):
		t.Skip(err)
	case err != nil:
		t.Fatalf("with emulated tiles: %v\n%s", err, output)
	case instructions == 0:
		t.Fatalf("the test executed no tile instruction:\n%s", output)
	}
	t.Logf("%d tile instructions emulated", instructions)
	return false
}
