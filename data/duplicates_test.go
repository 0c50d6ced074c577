package data_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/drawn"
)

// TestNearDuplicates finds copies with noise, of other brightness and of another size among pictures that differ.
func TestNearDuplicates(t *testing.T) {
	pets, err := drawn.New(7, 60, drawn.Options{Size: 64})
	if err != nil {
		t.Fatal(err)
	}
	d := &data.Dataset{Size: 64, Pixels: pets.Pixels, Labels: make([]int, 60)}
	random := rand.New(rand.NewPCG(1, 2))
	add := func(of int, change func(v uint8) int) {
		for _, v := range d.Image(of) {
			d.Pixels = append(d.Pixels, uint8(min(255, max(0, change(v)))))
		}
		d.Labels = append(d.Labels, 0)
	}
	add(3, func(v uint8) int { return int(v) + random.IntN(9) - 4 }) // 60: noise
	add(3, func(v uint8) int { return int(v) })                      // 61: a copy
	add(20, func(v uint8) int { return int(v) + 6 })                 // 62: brighter
	looks := d.Looks()
	want := [][]int{{3, 60, 61}, {20, 62}}
	if got := data.NearDuplicates(looks, 4); !reflect.DeepEqual(got, want) {
		t.Errorf("groups are %v, want %v", got, want)
	}
	if got := data.NearDuplicates(looks, 0); len(got) == 0 || got[0][0] != 3 {
		t.Errorf("groups of equal hashes are %v", got)
	}
}

// TestManyEqual has thousands of equal pictures, whose pairs would be millions.
func TestManyEqual(t *testing.T) {
	d := &data.Dataset{Size: 8, Pixels: make([]uint8, 20_000*8*8*3), Labels: make([]int, 20_000)}
	if groups := data.NearDuplicates(d.Looks(), 4); len(groups) != 1 || len(groups[0]) != 20_000 {
		t.Errorf("%d groups", len(groups))
	}
	if groups := data.NearDuplicates(nil, 4); groups != nil {
		t.Errorf("groups of nothing: %v", groups)
	}
}
