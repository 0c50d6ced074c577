package maskrcnn

import (
	"errors"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestResized compares sizes with those of torchvision 0.29.
func TestResized(t *testing.T) {
	for _, v := range [][6]int{ // MinSide, MaxSide, width and height; width and height that become of them
		{128, 1333, 149, 542, 128, 465},
		{224, 373, 940, 987, 224, 235},
		{64, 106, 449, 212, 106, 50},
		{800, 800, 818, 906, 722, 800},
		{600, 600, 932, 565, 600, 363},
		{64, 64, 229, 670, 21, 64},
		{224, 224, 72, 1128, 14, 224},
		{224, 373, 463, 884, 195, 373},
	} {
		if got := (Config{MinSide: v[0], MaxSide: v[1]}).Resized(v[2], v[3]); got != (Size{Width: v[4], Height: v[5]}) {
			t.Errorf("%v: %+v", v, got)
		}
	}
	if got := Torchvision("", 1).Resized(1, 100_000); got != (Size{Width: 1, Height: 1333}) {
		t.Errorf("a line: %+v", got)
	}
}

// TestFrame pads pictures of two sizes.
func TestFrame(t *testing.T) {
	m, err := New(golden.CPU(t), smallConfig(), tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	sizes := []Size{{Height: 33, Width: 20}, {Height: 5, Width: 64}}
	sides := m.Config().Sides(sizes)
	if sides != (Size{Height: 64, Width: 64}) {
		t.Fatalf("%+v", sides)
	}
	pixels, err := m.Frame(sizes, sides, func(i int, pixels []float32) error {
		for k := range pixels {
			pixels[k] = float32(10*i + k%3)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	colour := m.Padding()
	for i, size := range sizes {
		for y := range sides.Height {
			for x := range sides.Width {
				want := colour[:]
				if y < size.Height && x < size.Width {
					want = []float32{float32(10 * i), float32(10*i + 1), float32(10*i + 2)}
				}
				if got := pixels[((i*sides.Height+y)*sides.Width+x)*3:][:3]; !slices.Equal(got, want) {
					t.Fatalf("picture %d at %d, %d: %v, want %v", i, x, y, got, want)
				}
			}
		}
	}
	failure := errors.New("no picture")
	if _, err := m.Frame(sizes, sides, func(int, []float32) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("%v", err)
	}
}
