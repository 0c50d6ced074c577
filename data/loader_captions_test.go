package data

import (
	"fmt"
	"slices"
	"testing"
)

func TestLoaderCaptions(t *testing.T) {
	d := numbered(make([]int, 8)...)
	for i := range d.Len() {
		var captions []string
		for k := range i { // picture 0 has none
			captions = append(captions, fmt.Sprintf("%d of %d", k, i))
		}
		d.Captions = append(d.Captions, captions)
	}
	const epochs = 400
	o := LoaderOptions{Batch: 3, Seed: 3, Shuffle: true}
	l := loader(t, d, o)
	shown := make([][]int, 8) // how often each caption was
	for i := range shown {
		shown[i] = make([]int, i)
	}
	var positions []Position
	var want []string
	for range epochs * 3 {
		if len(positions) < 7 {
			positions = append(positions, l.Position())
		}
		epoch := l.Position().Epoch
		b := l.Next()
		if len(b.Indices) != b.Len() || len(b.Captions) != b.Len() {
			t.Fatalf("batch of %d has %d indices and %d captions", b.Len(), len(b.Indices), len(b.Captions))
		}
		for k, i := range b.Indices {
			if b.Pixels[k*12] != toFloat[i*12] {
				t.Fatalf("picture %d of the batch is not %d", k, i)
			}
			caption := ""
			if choice := Choose(3, epoch, i, i); choice >= 0 {
				caption = d.Captions[i][choice]
				shown[i][choice]++
			}
			if b.Captions[k] != caption {
				t.Fatalf("caption of picture %d is %q, want %q", i, b.Captions[k], caption)
			}
			if len(want) < 20 {
				want = append(want, b.Captions[k])
			}
		}
	}
	for i, times := range shown[1:] {
		for k, n := range times {
			if mean := float64(epochs) / float64(i+1); float64(n) < 0.6*mean || float64(n) > 1.4*mean {
				t.Errorf("picture %d showed caption %d in %d of %d epochs", i+1, k, n, epochs)
			}
		}
	}
	resumed := loader(t, d, o)
	if err := resumed.Seek(positions[4]); err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 2 {
		got = append(got, resumed.Next().Captions...)
	}
	if !slices.Equal(got, want[8+3:8+8]) {
		t.Errorf("resumed captions are %q, want %q", got, want[11:16])
	}
	if n := testing.AllocsPerRun(100, func() { l.Next() }); n != 0 {
		t.Errorf("Next allocates %v times", n)
	}
	few := &Dataset{Size: 2, Labels: d.Labels, Pixels: d.Pixels, Captions: d.Captions[:7]}
	if _, err := NewLoader(few, o); err == nil {
		t.Error("fewer lists of captions than pictures: no error")
	}
}
