package eval

import (
	"errors"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/toy"
)

// TestNearestPage checks that samples stand above the training pictures that they copy, and that no pictures are an error.
func TestNearestPage(t *testing.T) {
	few := toy.Pets(10)
	page, err := NearestPage(t.Context(), shows(few, few.Classes), few, QualityOptions{Samples: 8})
	if err != nil {
		t.Fatal(err)
	}
	other := toy.Pets(40).Where(func(i int) bool { return i >= 20 })
	another, err := NearestPage(t.Context(), shows(other, few.Classes), few, QualityOptions{Samples: 8})
	if err != nil || slices.Equal(page.Pix, another.Pix) {
		t.Errorf("new pictures give the page of copies (%v)", err)
	}
	var wrong *fault.FieldError
	if _, err := NearestPage(t.Context(), shows(few, few.Classes), nil, QualityOptions{}); !errors.As(err, &wrong) || wrong.Field != "Training" {
		t.Error(err)
	}
}
