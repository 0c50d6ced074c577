package pets

import (
	"bufio"
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
)

// damaged returns the error for a list that is damaged.
func damaged(path, problem string, args ...any) error {
	return fmt.Errorf("pets: %w", fault.Damaged(path, problem+"; unpack annotations.tar.gz again", args...))
}

// entry is a line of a list.
type entry struct {
	name    string // without suffix
	species int    // index into species
}

// readList reads annotations/FILE: lines "NAME CLASS-ID SPECIES BREED-ID", and comments that start with #.
func readList(root, file string) ([]entry, error) {
	path := filepath.Join(root, "annotations", file)
	text, err := data.ReadList(path)
	if err != nil {
		return nil, fmt.Errorf("pets: %s: cannot be read (%w); unpack annotations.tar.gz there or choose split all", path, err)
	}
	var entries []entry
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 3 || fields[2] != "1" && fields[2] != "2" {
			return nil, damaged(fmt.Sprintf("%s:%d", path, number), "\"%s\" is not NAME CLASS-ID SPECIES(1 or 2) BREED-ID", printable.Short(lines.Text()))
		}
		entries = append(entries, entry{fields[0], int(fields[2][0] - '1')})
	}
	if err := lines.Err(); err != nil {
		return nil, damaged(path, "is not a text file of short lines (%v)", err)
	}
	if len(entries) == 0 {
		return nil, damaged(path, "lists no photos")
	}
	return entries, nil
}
