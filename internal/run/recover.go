package run

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// recover completes the last commit and deletes what killed processes have left. The folder is locked.
func (r *Run) recover() (notes []string, err error) {
	m, err := r.readManifest()
	if err != nil {
		return nil, err
	}
	if r.renaming(m) {
		notes = append(notes, fmt.Sprintf("%s: a process was killed while it saved; generation %d is complete", r.dir, generation(m)))
	}
	if err := r.finish(m, nil); err != nil {
		return nil, err
	}
	if n := r.removeTemps(); n > 0 {
		notes = append(notes, fmt.Sprintf("%s: %d temporary files of killed processes are deleted", r.dir, n))
	}
	return notes, nil
}

// removeTemps deletes the temporary files that belong to the run, and returns their number. Errors are ignored: these
// files are in nobody's way.
func (r *Run) removeTemps() (n int) {
	sweep := func(dir string, ours func(base string) bool) {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if base, ok := atomicfile.IsTemp(e.Name()); ok && ours(base) && atomicfile.Remove(filepath.Join(dir, e.Name())) == nil {
				n++
			}
		}
	}
	sweep(r.dir, func(base string) bool {
		base = strings.TrimSuffix(base, nextSuffix)
		return ownName(base) || base == manifestName || base == metricsName || strings.HasSuffix(base, plotSuffix)
	})
	sweep(r.Path(samplesName), func(base string) bool { return strings.HasSuffix(base, ".png") })
	if parent, base := filepath.Split(filepath.Clean(r.dir)); parent != "" {
		sweep(parent, func(target string) bool { return target == base })
	}
	return n
}
