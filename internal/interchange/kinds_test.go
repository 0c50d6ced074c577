package interchange

import (
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/models"
)

// TestEveryKindIsImported checks that no kind of models was forgotten among the importers.
func TestEveryKindIsImported(t *testing.T) {
	kinds := Kinds()
	for _, info := range models.All() {
		if !slices.Contains(kinds, info.Name) {
			t.Errorf("a %s can't be imported", info.Name)
		}
	}
}
