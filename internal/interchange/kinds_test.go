package interchange

import (
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/models"
)

// ours are the kinds that no other program has files of.
var ours = []string{models.KL.Name, models.Classifier.Name}

// TestEveryKindIsImported checks that no kind of models was forgotten among the importers.
func TestEveryKindIsImported(t *testing.T) {
	kinds := append(Kinds(), ours...)
	for _, info := range models.All() {
		if !slices.Contains(kinds, info.Name) {
			t.Errorf("a %s can't be imported", info.Name)
		}
	}
}
