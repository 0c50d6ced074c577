// Package lighttest makes lighter what a training writes besides its model: plots are coarse, and files are not synced. Tests that
// train many models for a few steps import it for this effect, since most of their time would go there. The tests of internal/plots,
// internal/atomicfile and internal/run check both as they are.
package lighttest

import (
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/plots"
)

func init() {
	plots.Coarse = true
	atomicfile.Hook = func(op atomicfile.Op) error {
		if op.Kind == atomicfile.OpSync || op.Kind == atomicfile.OpSyncDir {
			return atomicfile.ErrSkip
		}
		return nil
	}
}
