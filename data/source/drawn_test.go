package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/drawn"
)

// TestDrawnSplits checks that the pictures to test with are none of those to train on.
func TestDrawnSplits(t *testing.T) {
	for _, path := range []string{DrawnBirds(7, 10), DrawnPets(7, 10)} {
		seen := map[string]string{}
		for split, want := range map[data.Split]int{data.Trainval: 10, data.Test: 2, data.All: 12} {
			d, err := Open(path, data.Options{Size: 16, Split: split})
			if err != nil || d.Len() != want || d.Captions != nil && len(d.Captions) != want {
				t.Fatalf("%s: %s: %v, want %d pictures", path, split, err, want)
			}
			if total := d.Report.Total(); total != want {
				t.Errorf("%s: %s: the report counts %d", path, split, total)
			}
			if split == data.All {
				continue
			}
			for i := range d.Len() {
				picture := string(d.Image(i))
				if before, ok := seen[picture]; ok {
					t.Errorf("%s: %s %s: is %s, too", path, split, d.Name(i), before)
				}
				seen[picture] = string(split) + " " + d.Name(i)
			}
		}
	}
}

// TestDescriptionsOfDrawnPicturesReopen checks that what a run keeps of its drawn pictures is enough to draw them again.
func TestDescriptionsOfDrawnPicturesReopen(t *testing.T) {
	pets, err := drawn.New(3, 14, drawn.Options{Size: 16})
	if err != nil {
		t.Fatal(err)
	}
	birds, err := drawn.NewBirds(3, 14, drawn.Options{Size: 16})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]*data.Dataset{DrawnPets(3, 14): pets, DrawnBirds(3, 14): birds.Dataset} {
		kept, err := json.Marshal(data.Description{Path: path, Split: "trainval", Size: 16, Resize: "squash", Classes: want.Classes})
		if err != nil {
			t.Fatal(err)
		}
		var d data.Description
		if err := json.Unmarshal(kept, &d); err != nil {
			t.Fatal(err)
		}
		got, err := OpenDescription(d, data.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Pixels, want.Pixels) || !reflect.DeepEqual(got.Captions, want.Captions) ||
			!reflect.DeepEqual(got.Names, want.Names) || got.Fingerprint() != want.Fingerprint() {
			t.Errorf("%s: opens to other pictures or captions", path)
		}
		test, err := OpenDescription(d, data.Options{Split: data.Test})
		if err != nil || test.Len() != 2 {
			t.Errorf("%s: the split test: %v", path, err)
		}
		d.Classes = []string{"newt"}
		if _, err := OpenDescription(d, data.Options{}); err == nil || !strings.Contains(err.Error(), "the run's are newt") {
			t.Errorf("%s: other classes: %v", path, err)
		}
	}
}

func TestDrawnPathsThatNameNothing(t *testing.T) {
	for _, path := range []string{"birds:", "birds:x:60", "birds:1", "birds:1:0", "drawn:1:-3", "drawn:1:1000001", "drawn:-1:3", "drawn:1:2:3"} {
		_, err := Open(path, data.Options{})
		var field *fault.FieldError
		if !errors.As(err, &field) || field.Field != "Path" || !strings.Contains(err.Error(), "SEED:N") {
			t.Errorf("%s: %v", path, err)
		}
	}
	for field, o := range map[string]data.Options{"Channels": {Channels: 4}, "Split": {Split: data.Seen}, "Labels": {Labels: data.Breed}, "Size": {Size: 2}} {
		_, err := Open("birds:1:5", o)
		var wrong *fault.FieldError
		if !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := Open("drawn:1:5", data.Options{Captions: true}); !errors.Is(err, data.ErrNoCaptions) {
		t.Errorf("cats and dogs with captions: %v", err)
	}
}
