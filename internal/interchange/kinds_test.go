package interchange

import (
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/models"
)

// ours are the kinds that no other program has files of; package hub writes and reads folders of all kinds. A density belongs to the columns of one table; package flows tests that
// it reads the weights of zuko's and nflows' flows.
var ours = []string{models.KL.Name, models.TarFlow.Name, models.Rectified.Name, models.MaskGIT.Name, models.Classifier.Name, models.Density.Name}

// TestEveryKindIsImported checks that no kind of models was forgotten among the importers.
func TestEveryKindIsImported(t *testing.T) {
	kinds := append(Kinds(), ours...)
	for _, info := range models.All() {
		if !slices.Contains(kinds, info.Name) {
			t.Errorf("a %s can't be imported", info.Name)
		}
	}
}
