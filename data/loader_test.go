package data

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
)

// numbered is a dataset whose picture i is all i, with the given labels.
func numbered(labels ...int) *Dataset {
	d := &Dataset{Size: 2, Classes: []string{"a", "b", "c"}, Labels: labels}
	for i := range labels {
		for k := range 12 {
			d.Pixels = append(d.Pixels, uint8(i*12+k))
		}
	}
	return d
}

func loader(t testing.TB, d *Dataset, o LoaderOptions) *Loader {
	t.Helper()
	l, err := NewLoader(d, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// read returns the next batches as text, for comparisons.
func read(l *Loader, batches int) (text []string) {
	for range batches {
		b := l.Next()
		text = append(text, fmt.Sprint(b.Pixels, b.Labels))
	}
	return text
}

func TestLoaderResumes(t *testing.T) {
	d := numbered(0, 1, 1, 2, 1, 0, 1, 1, 0, 2, 1)
	for _, o := range []LoaderOptions{
		{Batch: 3, Seed: 5, Shuffle: true, Augment: Augment{Flip: true}},
		{Batch: 4, Seed: 6, Shuffle: true, Augment: Augment{Flip: true}, DropLast: true},
		{Batch: 2, Seed: 7, Balance: true, Augment: Augment{Flip: true}},
		{Batch: 30, Seed: 8, Shuffle: true},
		{Batch: 3, Seed: 9, Shuffle: true, Augment: Augment{Crop: 0.75}},
	} {
		whole := loader(t, d, o)
		var positions []Position
		var want []string
		for range 14 {
			positions = append(positions, whole.Position())
			want = append(want, read(whole, 1)...)
		}
		if distinct := slices.Compact(slices.Clone(want)); len(distinct) < len(want) {
			t.Fatalf("%+v: batches repeat", o)
		}
		resumed := loader(t, d, o)
		for i, p := range positions {
			if err := resumed.Seek(p); err != nil {
				t.Fatal(err)
			}
			if resumed.Position() != p {
				t.Errorf("%+v: position after Seek is %v, want %v", o, resumed.Position(), p)
			}
			if got := read(resumed, len(want)-i); !slices.Equal(got, want[i:]) {
				t.Errorf("%+v: batches after %v differ", o, p)
			}
		}
		o.Seed++
		if slices.Equal(read(loader(t, d, o), 14), want) {
			t.Errorf("%+v: another seed gives the same batches", o)
		}
	}
}

func TestLoaderEpochs(t *testing.T) {
	d := numbered(make([]int, 10)...)
	for _, test := range []struct {
		o       LoaderOptions
		batches []int
	}{
		{LoaderOptions{Batch: 4}, []int{4, 4, 2}},
		{LoaderOptions{Batch: 4, DropLast: true}, []int{4, 4}},
		{LoaderOptions{Batch: 5, Shuffle: true}, []int{5, 5}},
		{LoaderOptions{Batch: 16, Shuffle: true}, []int{10}},
	} {
		l := loader(t, d, test.o)
		if l.Batches() != len(test.batches) {
			t.Errorf("%+v: %d batches, want %d", test.o, l.Batches(), len(test.batches))
		}
		orders := map[string]bool{}
		for epoch := range 3 {
			var seen []int
			for _, want := range test.batches {
				if l.Position().Epoch != epoch {
					t.Fatalf("%+v: position %v in epoch %d", test.o, l.Position(), epoch)
				}
				b := l.Next()
				if b.Len() != want || len(b.Pixels) != 12*want || len(b.Indices) != want || len(b.Captions) != want {
					t.Fatalf("%+v: batch of %d, want %d", test.o, b.Len(), want)
				}
				for k := range want {
					i := int(math.Round(float64(b.Pixels[k*12]+1)*127.5)) / 12
					if b.Indices[k] != i {
						t.Errorf("%+v: picture %d has index %d", test.o, i, b.Indices[k])
					}
					seen = append(seen, i)
				}
			}
			orders[fmt.Sprint(seen)] = true
			if sorted := slices.Sorted(slices.Values(seen)); len(slices.Compact(sorted)) != len(seen) {
				t.Errorf("%+v: epoch %d shows a picture twice: %v", test.o, epoch, seen)
			}
			if !test.o.Shuffle && !slices.IsSorted(seen) {
				t.Errorf("%+v: order is %v", test.o, seen)
			}
		}
		if want := map[bool]int{false: 1, true: 3}[test.o.Shuffle]; len(orders) != want {
			t.Errorf("%+v: %d orders in three epochs, want %d", test.o, len(orders), want)
		}
	}
}

func TestFlips(t *testing.T) {
	d := numbered(make([]int, 20)...)
	l := loader(t, d, LoaderOptions{Batch: 20, Seed: 1, Augment: Augment{Flip: true}})
	flips := make([]int, 20)
	const epochs = 200
	for range epochs {
		pixels := l.Next().Pixels
		for i := range 20 {
			switch want := toFloat[i*12]; want {
			case pixels[i*12]:
			case pixels[i*12+3]: // first pixel of the row is now the second
				flips[i]++
			default:
				t.Fatalf("picture %d is neither itself nor mirrored", i)
			}
		}
	}
	for i, n := range flips {
		if n < epochs*3/10 || n > epochs*7/10 {
			t.Errorf("picture %d was flipped in %d of %d epochs", i, n, epochs)
		}
	}
}

func TestLoaderRefuses(t *testing.T) {
	d := numbered(0, 1, 2)
	for _, test := range []struct {
		field string
		o     LoaderOptions
	}{
		{"Batch", LoaderOptions{}}, {"Batch", LoaderOptions{Batch: -1}}, {"Batch", LoaderOptions{Batch: 4, DropLast: true}},
		{"Zoom", LoaderOptions{Batch: 1, Augment: Augment{Zoom: math.NaN()}}}, {"Crop", LoaderOptions{Batch: 1, Augment: Augment{Crop: -3}}},
	} {
		var field *fault.FieldError
		if _, err := NewLoader(d, test.o); !errors.As(err, &field) || field.Field != test.field {
			t.Errorf("%+v: %v", test.o, err)
		}
	}
	for name, d := range map[string]*Dataset{
		"nil": nil, "no size": {Labels: make([]int, 2)}, "a negative size": {Size: -2, Labels: make([]int, 1), Pixels: make([]uint8, 12)},
		"too few pixels": {Size: 2, Labels: make([]int, 2), Pixels: make([]uint8, 12)}, "too many channels": {Size: 1, Channels: 5, Labels: make([]int, 1), Pixels: make([]uint8, 5)},
		"captions of others": {Size: 1, Labels: make([]int, 1), Pixels: make([]uint8, 3), Captions: make([][]string, 2)},
		"an absurd size":     {Size: math.MaxInt, Labels: make([]int, 1)},
	} {
		if _, err := NewLoader(d, LoaderOptions{Batch: 1}); err == nil {
			t.Errorf("a dataset with %s: no error", name)
		}
	}
	if l := loader(t, d, LoaderOptions{Batch: math.MaxInt}); l.Batches() != 1 || l.Next().Len() != 3 {
		t.Errorf("a batch of everything: %d batches", l.Batches())
	}
	if _, err := NewLoader(numbered(), LoaderOptions{Batch: 1}); err == nil {
		t.Error("empty dataset: no error")
	}
	vast := &Dataset{Size: 1 << 20, Labels: make([]int, 1000)}
	if _, err := NewLoader(vast, LoaderOptions{Batch: 900}); !outOfMemory(t, err) || !strings.Contains(err.Error(), "batches of 900 pictures") {
		t.Errorf("a batch for which no machine has the memory: %v", err)
	}
	l := loader(t, d, LoaderOptions{Batch: 2})
	for _, p := range []Position{{-1, 0}, {0, 1}, {0, 4}, {0, -2}} {
		if l.Seek(p) == nil {
			t.Errorf("Seek(%v): no error", p)
		}
	}
}

func TestNextMakesNoGarbage(t *testing.T) {
	d := numbered(make([]int, 20)...)
	l := loader(t, d, LoaderOptions{Batch: 3, Balance: true, Augment: Augment{Flip: true}})
	l.Next()
	if n := testing.AllocsPerRun(200, func() { l.Next() }); n != 0 {
		t.Errorf("Next allocates %v times", n)
	}
}

func BenchmarkNext(b *testing.B) {
	d := &Dataset{Size: 64, Labels: make([]int, 1000), Pixels: make([]uint8, 1000*64*64*3)}
	l := loader(b, d, LoaderOptions{Batch: 32, Shuffle: true, Augment: Augment{Flip: true}})
	for b.Loop() {
		l.Next()
	}
}

// TestLoaderVaries changes the strength of the augmentation in the middle of an epoch: from the next batch on, all are those of a loader
// with the scaled ranges.
func TestLoaderVaries(t *testing.T) {
	d := numbered(make([]int, 10)...)
	o := LoaderOptions{Batch: 2, Seed: 5, Shuffle: true, Augment: Augment{Flip: true, Zoom: 0.5, Colour: 0.3}}
	l := loader(t, d, o)
	for _, strength := range []float64{1, 0, 0.4, 0.4, 1} {
		if err := l.Vary(strength); err != nil {
			t.Fatal(err)
		}
		scaled := o
		scaled.Augment = o.Augment.Scaled(strength)
		other := loader(t, d, scaled)
		if err := other.Seek(l.Position()); err != nil {
			t.Fatal(err)
		}
		if got := read(l, 3); !slices.Equal(got, read(other, 3)) {
			t.Errorf("strength %v: other batches than those of %+v", strength, scaled.Augment)
		}
	}
	held := l.Next()
	before := slices.Clone(held.Pixels)
	if err := l.Vary(0.2); err != nil || !slices.Equal(held.Pixels, before) {
		t.Errorf("%v; Vary changes the batch in use", err)
	}
	for _, strength := range []float64{-0.1, 1.1, math.NaN()} {
		if l.Vary(strength) == nil {
			t.Errorf("strength %v is accepted", strength)
		}
	}
}
