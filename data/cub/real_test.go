package cub

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/data"
)

// TestRealPhotos loads the 3,403 photos of 100 species that the project is measured on, or the whole dataset.
func TestRealPhotos(t *testing.T) {
	root := os.Getenv("BESTIARY_CUB")
	if root == "" {
		t.Skip("BESTIARY_CUB does not name a folder that holds CUB_200_2011 and text_c10")
	}
	o := data.Options{Cache: t.TempDir(), Captions: true}
	load := func() *data.Dataset {
		began := time.Now()
		s, err := Folder(root, o)
		if err != nil {
			t.Fatal(err)
		}
		listed := time.Since(began)
		d, err := data.Load(s, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("listed in %v, loaded in %v\n%v", listed.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), d.Report)
		return d
	}
	d := load()
	photos, species := 3403, 100
	if len(d.Classes) == 200 {
		photos, species = 11788, 200
	}
	counts := map[int]int{} // by class
	for i, captions := range d.Captions {
		counts[d.Label(i)]++
		if len(captions) != 10 && photos == 3403 {
			t.Errorf("%s has %d captions", d.Name(i), len(captions))
		}
	}
	if d.Len() != photos || len(counts) != species || len(d.Classes) != species || len(d.Report.LeftOut) > 0 {
		t.Errorf("%d photos of %d of %d species, want %d of %d", d.Len(), len(counts), len(d.Classes), photos, species)
	}
	if again := load(); !again.Report.FromCache || again.Fingerprint() != d.Fingerprint() || !slices.EqualFunc(again.Captions, d.Captions, slices.Equal) {
		t.Error("the cache has another dataset")
	}
	for _, both := range [][2]data.Split{{data.Trainval, data.Test}, {data.Seen, data.Unseen}} {
		total, classes := 0, map[int]data.Split{}
		for _, split := range both {
			o.Split = split
			s, err := Folder(root, o)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %d photos, %v", split, len(s.Items), s.Notes)
			total += len(s.Items)
			for _, item := range s.Items {
				if other := classes[item.Label]; split == data.Unseen && other == data.Seen {
					t.Fatalf("class %s is in both %v", s.Classes[item.Label], both)
				}
				classes[item.Label] = split
			}
		}
		if total != photos || len(classes) != species {
			t.Errorf("%v have %d photos of %d species", both, total, len(classes))
		}
	}
}
