package cputest

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/cpu/tilemachine"
)

// testTiles is the environment variable that, being "all", lets tests run that take long where AMX's tiles are emulated.
const testTiles = "BESTIARY_TEST_TILES"

// EachBF16 runs f for arithmetics in bfloat16. Without AMX its tiles are emulated, and rapid checks only the given number
// of examples there; 0 skips the slow tests.
func EachBF16[A interface {
	fmt.Stringer
	Tiles() bool
}](t *testing.T, arithmetics []A, emulated int, f func(t *testing.T, a A)) {
	if simd.BF16For(simd.Detect()) == nil {
		t.Skip("this processor has no AVX512-BF16")
	}
	for _, a := range arithmetics {
		t.Run(strings.ReplaceAll(a.String(), " ", "_"), func(t *testing.T) {
			if a.Tiles() && !simd.HasAMX() && emulated == 0 {
				if os.Getenv(testTiles) != "all" {
					t.Skipf("takes long on emulated tiles; %s=all runs it", testTiles)
				}
				emulated = 10
			}
			var args []string
			if flag.Lookup("rapid.checks") != nil { // the package's tests import rapid
				args = append(args, fmt.Sprintf("-rapid.checks=%d", emulated))
			}
			if !a.Tiles() || tilemachine.InTest(t, simd.HasAMX(), args...) {
				f(t, a)
			}
		})
	}
}
