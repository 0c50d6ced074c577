package bench_test

import (
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/bench"
)

// Options.Only takes names, and prefixes of names up to a slash.
func ExampleNames() {
	for _, name := range bench.Names() {
		if strings.HasPrefix(name, "realnvp/") {
			fmt.Println(name)
		}
	}
	// Output:
	// realnvp/train/b32
	// realnvp/train/b256
}
