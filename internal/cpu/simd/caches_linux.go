package simd

import (
	"fmt"
	"io/fs"
	"strings"
)

// readCaches reads the folder in which Linux describes a core's caches: index0, index1 and so on, with files level, type and size.
func readCaches(folder fs.FS) (c Caches) {
	levels := []*int{&c.L1, &c.L2, &c.L3}
	for i := 0; ; i++ {
		property := func(name string) string {
			text, err := fs.ReadFile(folder, fmt.Sprintf("index%d/%s", i, name))
			if err != nil {
				return ""
			}
			return strings.TrimSpace(string(text))
		}
		kind := property("type")
		if kind == "" {
			return c
		}
		var level, size int
		var unit string
		if _, err := fmt.Sscanf(property("level"), "%d", &level); err != nil || level < 1 || level > len(levels) || kind == "Instruction" {
			continue
		}
		if n, _ := fmt.Sscanf(property("size"), "%d%s", &size, &unit); n == 0 {
			continue
		}
		*levels[level-1] = size * map[string]int{"": 1, "K": 1 << 10, "M": 1 << 20}[unit]
	}
}
