package run

import (
	"fmt"
	"io"
	"os"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// earlierSuffix is that of weights that a training kept before it replaced them.
const earlierSuffix = ".earlier"

// Unfinished reports whether an older program, which saved weights and state one after the other, was stopped between
// them: there are weights of a training, but neither a state nor a manifest.
func (r *Run) Unfinished(model string) bool {
	return r.HasWeights(model) && !r.HasState(model) && !exists(r.Path(manifestName)) && r.HasTraining(model)
}

// Keep gives the weights of a model and the log a second name, which the next training doesn't replace: NAME.earlier, or
// NAME.earlier-2 and so on if there are other files of that name. It returns the path of the weights. The folder is
// locked.
func (r *Run) Keep(model string) (path string, err error) {
	if path, err = keep(r.WeightsPath(model)); err != nil || !exists(r.Path(metricsName)) {
		return path, err
	}
	_, err = keep(r.Path(metricsName))
	return path, err
}

// KeepAndRemove is Keep for weights that a new training must not find.
func (r *Run) KeepAndRemove(model string) (path string, err error) {
	if path, err = r.Keep(model); err != nil {
		return "", err
	}
	if err := atomicfile.Remove(r.WeightsPath(model)); err != nil {
		return "", atomicfile.Explain(r.WeightsPath(model), err)
	}
	return path, atomicfile.SyncDir(r.dir)
}

// keep copies a file beside itself, unless an earlier call has.
func keep(path string) (kept string, err error) {
	now, err := describe(path)
	if err != nil {
		return "", fmt.Errorf("%s: can't be read (%w); check that you may read it", path, cause(err))
	}
	for n := 1; ; n++ {
		kept = path + earlierSuffix
		if n > 1 {
			kept = fmt.Sprintf("%s%s-%d", path, earlierSuffix, n)
		}
		if !exists(kept) {
			break
		}
		if now.matches(kept) {
			return kept, nil
		}
	}
	return kept, atomicfile.Write(kept, func(w io.Writer) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
}
