package data

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
)

func TestPart(t *testing.T) {
	for _, text := range []string{"0/4", "5/4", "1/1", "3-2/4", "1", "a/b", "1/4/2", "1-/4", "1/1001", "-1/4"} {
		var wrong *fault.FieldError
		if p, err := ParsePart(text); !errors.As(err, &wrong) || p != (Part{}) {
			t.Errorf("%q: %v, %v", text, p, err)
		}
	}
	first, err1 := ParsePart("1/4")
	rest, err2 := ParsePart("2-4/4")
	none, err3 := ParsePart("")
	if err := errors.Join(err1, err2, err3); err != nil || first.String() != "1/4" || rest.String() != "2-4/4" || none.String() != "" {
		t.Fatal(first, rest, none, err)
	}
	if !first.Disjoint(rest) || first.Disjoint(first) || first.Disjoint(Part{1, 1, 2}) || none.Disjoint(none) {
		t.Error("disjoint parts")
	}
	const n = 4000
	in, both := 0.0, 0.0
	for i := range n {
		name := fmt.Sprintf("cat/persian_%d.jpg", i)
		if first.Has(name) == rest.Has(name) || !none.Has(name) {
			t.Fatalf("%s is in both parts or in none", name)
		}
		if first.Has(name) {
			in++
			if HeldOut(name) {
				both++
			}
		}
	}
	if math.Abs(in/n-0.25) > 0.03 || math.Abs(both/in-0.2) > 0.05 {
		t.Errorf("%v of %v pictures are in a quarter, %v of them held out", in, n, both)
	}
}

func TestDatasetPart(t *testing.T) {
	d := &Dataset{Size: 1, Classes: []string{"a"}, Labels: make([]int, 40), Pixels: make([]uint8, 120)}
	if _, err := d.Part(Part{1, 1, 2}); err == nil {
		t.Error("pictures without names have parts")
	}
	for i := range 40 {
		d.Names = append(d.Names, fmt.Sprint(i))
	}
	one, err1 := d.Part(Part{1, 1, 2})
	two, err2 := d.Part(Part{2, 2, 2})
	if errors.Join(err1, err2) != nil || one.Len()+two.Len() != 40 || one.Len() < 8 || two.Len() < 8 {
		t.Errorf("halves of %d and %d: %v %v", one.Len(), two.Len(), err1, err2)
	}
	if whole, err := d.Part(Part{}); err != nil || whole != d {
		t.Error("the whole dataset")
	}
	if _, err := one.Where(func(i int) bool { return i == 0 }).Part(Part{2, 2, 2}); err == nil {
		t.Error("an empty part")
	}
}

// TestFolderBreeds checks that breeds come from the names of files, the same for every split.
func TestFolderBreeds(t *testing.T) {
	root := t.TempDir()
	for i := range 20 {
		for _, name := range []string{"dog/poodle", "dog/german_shepherd", "cat/tabby"} {
			file := filepath.Join(root, fmt.Sprintf("%s_%d.png", name, i))
			if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, split := range []Split{All, Test} {
		s, err := Folder(root, Options{Labels: Breed, Split: split})
		if err != nil || strings.Join(s.Classes, " ") != "german_shepherd poodle tabby" {
			t.Fatal(s.Classes, err)
		}
		for _, item := range s.Items {
			if !strings.Contains(item.Name, "/"+s.Classes[item.Label]+"_") {
				t.Errorf("%s is a %s", item.Name, s.Classes[item.Label])
			}
		}
	}
	if s, err := Folder(root, Options{Labels: Species}); err != nil || strings.Join(s.Classes, " ") != "cat dog" {
		t.Error(s.Classes, err)
	}
}
