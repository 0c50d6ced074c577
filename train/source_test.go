package train

import (
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
)

func TestRows(t *testing.T) {
	const n, d, batch = 11, 2, 4
	x, labels := make([]float32, n*d), make([]int, n)
	for i := range n {
		x[i*d], x[i*d+1], labels[i] = float32(i), float32(-i), i
	}
	make1 := func(batch int, seed uint64) *Rows {
		r, err := NewRows(x, d, labels, batch, false, seed)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	draw := func(r *Rows, batches int) (all []int) {
		for range batches {
			b, err := r.Next()
			if err != nil || b.Len() != batch {
				t.Fatal(b, err)
			}
			for k, l := range b.Labels {
				if b.X[k*d] != float32(l) || b.X[k*d+1] != -float32(l) || b.Indices[k] != l {
					t.Fatalf("row %v has label %d and index %d", b.X[k*d:k*d+d], l, b.Indices[k])
				}
			}
			all = append(all, b.Labels...)
		}
		return all
	}
	r := make1(batch, 1)
	if r.Batches() != 2 {
		t.Fatal(r.Batches())
	}
	all := draw(r, 6)
	for epoch := range 3 {
		rows := slices.Clone(all[epoch*8 : epoch*8+8])
		if slices.Sort(rows); len(slices.Compact(rows)) != 8 {
			t.Errorf("epoch %d repeats a row: %v", epoch, all[epoch*8:epoch*8+8])
		}
	}
	if slices.Equal(all[:8], all[8:16]) || slices.Equal(all, draw(make1(batch, 2), 6)) {
		t.Error("the order doesn't change with the epoch and the seed")
	}
	for done := range 6 {
		a, b := make1(batch, 1), make1(batch, 1)
		draw(a, done)
		state, err := a.State()
		if err != nil {
			t.Fatal(err)
		}
		if err := b.SetState(state); err != nil {
			t.Fatal(err)
		}
		if got := draw(b, 6-done); !slices.Equal(got, all[done*batch:]) {
			t.Errorf("after %d batches: got %v, want %v", done, got, all[done*batch:])
		}
	}
	draw(r, 1)
	state, err := r.State()
	if err != nil {
		t.Fatal(err)
	}
	fails(t, make1(5, 1).SetState(state), "Batch 5")
	x[3] = 9
	fails(t, make1(batch, 1).SetState(state), "Data:", "11×2")
	fails(t, r.SetState([]byte("{")), "position in the data")
	_, err = NewRows(x, d, labels, 12, false, 1)
	fails(t, err, "Batch 12", "11 rows")
	_, err = NewRows(x, d, labels[1:], 1, false, 1)
	fails(t, err, "22 values and 10 labels")
}

func TestRowsBalance(t *testing.T) {
	labels := []int{0, 0, 0, 0, 0, 0, 1, 1}
	r, err := NewRows(make([]float32, len(labels)), 1, labels, 2, true, 1)
	if err != nil {
		t.Fatal(err)
	}
	count := [2]int{}
	for range 5 * r.Batches() {
		b, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range b.Labels {
			count[l]++
		}
	}
	if count[0] != count[1] {
		t.Errorf("labels 0 and 1 were shown %d and %d times, want equally often", count[0], count[1])
	}
}

func TestRowsCheck(t *testing.T) {
	x := []float32{1, 2, 3, 4, 5, float32(math.Inf(-1))}
	r, err := NewRows(x, 2, nil, 1, false, 1)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for range 3 {
		b, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Check(); err != nil {
			fails(t, err, "row 2: the data holds -Inf (value 1)")
			found++
		}
	}
	if found != 1 {
		t.Errorf("found %d rows, want 1", found)
	}
}

func TestPictures(t *testing.T) {
	dataset := func(flip uint8) *data.Dataset {
		d := &data.Dataset{Size: 1, Classes: []string{"cat", "dog"}}
		for i := range 7 {
			d.Labels, d.Names = append(d.Labels, i%2), append(d.Names, "x")
			d.Pixels = append(d.Pixels, uint8(i)^flip, 0, 0)
		}
		return d
	}
	make1 := func(d *data.Dataset, batch int) *Pictures {
		p, err := NewPictures(d, data.LoaderOptions{Batch: batch, Seed: 3, Shuffle: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		return p
	}
	a := make1(dataset(0), 3)
	if a.Batches() != 2 {
		t.Error(a.Batches())
	}
	for range 5 {
		if b, err := a.Next(); b.Len() != 3 || err != nil {
			t.Fatal(b, err)
		}
	}
	state, err := a.State()
	if err != nil {
		t.Fatal(err)
	}
	b := make1(dataset(0), 3)
	if err := b.SetState(state); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		x, err := a.Next()
		if err != nil {
			t.Fatal(err)
		}
		y, err := b.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(x.Pixels, y.Pixels) || !slices.Equal(x.Labels, y.Labels) || !slices.Equal(x.Indices, y.Indices) {
			t.Error("the resumed source goes on elsewhere")
		}
	}
	fails(t, make1(dataset(1), 3).SetState(state), "Data:", "the pictures are not those")
	fails(t, make1(dataset(0), 3).SetState([]byte("[]")), "position in the data")
	_, err = NewPictures(dataset(0), data.LoaderOptions{Batch: 8})
	fails(t, err, "Batch 8")
}
