package tilemachine

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
)

// emulated is the environment variable by which a test knows that it is traced.
const emulated = "BESTIARY_EMULATED_TILES"

// InTest runs a test that uses tiles: here, for which it returns true, where the processor has them; otherwise in a
// process of its own, traced, in which this function returns true as well. The test then only has to return. The arguments
// are that process's.
func InTest(t *testing.T, processorHasTiles bool, args ...string) bool {
	t.Helper()
	if processorHasTiles || os.Getenv(emulated) != "" {
		return true
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
		t.Fatalf("the test did nothing with tiles:\n%s", output)
	}
	t.Logf("%d tile instructions emulated", instructions)
	return false
}
