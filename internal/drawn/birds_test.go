package drawn

import (
	"bytes"
	"image"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/disintegration/imaging"
)

func flock(t testing.TB, seed uint64, n int, o Options) *Birds {
	t.Helper()
	d, err := NewBirds(seed, n, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestBirdsAreDeterministic(t *testing.T) {
	d := flock(t, 3, 40, Options{Workers: 1})
	if d.Len() != 40 || d.Size != 64 || len(d.Pixels) != 40*64*64*3 || len(d.Birds) != 40 || len(d.Captions) != 40 {
		t.Fatalf("%d pictures of %d×%d, %d birds, %d captions", d.Len(), d.Size, d.Size, len(d.Birds), len(d.Captions))
	}
	if d.Report.Captions.Total != 40*Variants || d.Report.Counts[0] != 40 {
		t.Errorf("report %+v", d.Report)
	}
	if again := flock(t, 3, 40, Options{Workers: 3}); !bytes.Equal(again.Pixels, d.Pixels) || !slices.Equal(again.Birds, d.Birds) {
		t.Error("three workers draw other birds than one")
	}
	more := flock(t, 3, 55, Options{})
	if !bytes.Equal(more.Pixels[:len(d.Pixels)], d.Pixels) || !slices.Equal(more.Birds[:40], d.Birds) {
		t.Error("a larger set begins with other birds")
	}
	if asked, err := DrawBirds(3, d.Birds, Options{}); err != nil || !bytes.Equal(asked.Pixels, d.Pixels) {
		t.Errorf("asked for by name, the same birds look different (error %v)", err)
	}
	if other := flock(t, 4, 40, Options{}); bytes.Equal(other.Image(0), d.Image(0)) || slices.Equal(other.Birds, d.Birds) {
		t.Error("another seed draws the same birds")
	}
	for i := range d.Len() {
		for j := range i {
			if bytes.Equal(d.Image(i), d.Image(j)) {
				t.Errorf("birds %d and %d are equal", i, j)
			}
		}
	}
}

func TestUnseenIsNeverDrawn(t *testing.T) {
	seen, unseen := Seen(), Unseen()
	if len(seen) < 100 || len(unseen) < 20 {
		t.Errorf("%d seen and %d unseen combinations", len(seen), len(unseen))
	}
	pairs, wings, bellies, bill := map[[2]Colour]bool{}, map[Colour]int{}, map[Colour]int{}, map[[2]Colour]int{}
	drawn := map[Bird]int{}
	for _, b := range flock(t, 9, 4000, Options{Size: 8}).Birds {
		drawn[b]++
		pairs[[2]Colour{b.Wing, b.Belly}] = true
		wings[b.Wing]++
		bellies[b.Belly]++
		bill[[2]Colour{b.Wing, b.Bill}]++
	}
	for _, b := range seen {
		if drawn[b] == 0 || b.Wing == b.Belly || b.Bill == b.Belly {
			t.Errorf("%v: drawn %d times", b, drawn[b])
		}
	}
	for _, b := range unseen {
		if drawn[b] > 0 || pairs[[2]Colour{b.Wing, b.Belly}] {
			t.Errorf("%v: drawn %d times, or its wing and belly were", b, drawn[b])
		}
		if wings[b.Wing] == 0 || bellies[b.Belly] == 0 || bill[[2]Colour{b.Wing, b.Bill}] == 0 {
			t.Errorf("%v: one of its colours is never drawn", b)
		}
	}
}

func TestCaptions(t *testing.T) {
	b := Bird{Wing: Black, Belly: Yellow, Bill: Orange}
	if got, want := b.Caption(0), "a small yellow bird with black wings and an orange bill"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := (Bird{Red, White, Black}).Caption(1+Variants), "this bird has red wings, a white belly and a black beak"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if b.Caption(-1) != b.Caption(Variants-1) {
		t.Error("variants are not counted modulo Variants")
	}
	d := flock(t, 1, 50, Options{Size: 8})
	for i, captions := range d.Captions {
		if len(captions) != Variants {
			t.Fatalf("bird %d has %d captions", i, len(captions))
		}
		for v, caption := range captions {
			words := strings.FieldsFunc(caption, func(r rune) bool { return r == ' ' || r == ',' })
			var named []string
			for _, w := range words {
				if slices.ContainsFunc(palette[:], func(p struct {
					name  string
					paint color
				}) bool {
					return p.name == w
				}) {
					named = append(named, w)
				}
			}
			want := []string{d.Birds[i].Wing.String(), d.Birds[i].Belly.String(), d.Birds[i].Bill.String()}
			slices.Sort(named)
			slices.Sort(want)
			if !slices.Equal(named, want) || strings.ContainsAny(caption, "{}") {
				t.Errorf("variant %d of %v: %q", v, d.Birds[i], caption)
			}
		}
	}
}

// blurred imitates the reconstruction of a small discrete VAE: it shrinks a picture by a factor, enlarges it again, shifts
// each colour, shifts each cell a little, and adds noise.
func blurred(picture []uint8, size, factor int, noise float64, r *rand.Rand) []uint8 {
	m := image.NewNRGBA(image.Rect(0, 0, size, size))
	for k, v := range picture {
		m.Pix[k/3*4+k%3] = v
		m.Pix[k/3*4+3] = 255
	}
	m = imaging.Resize(imaging.Resize(m, size/factor, size/factor, imaging.Box), size, size, imaging.Linear)
	var whole [3]float64
	cells := make([][3]float64, (size/factor)*(size/factor))
	for k := range whole {
		whole[k] = r.NormFloat64() * 8
		for i := range cells {
			cells[i][k] = whole[k] + r.NormFloat64()*8
		}
	}
	out := make([]uint8, len(picture))
	for k := range out {
		x, y := k/3%size, k/3/size
		shift := cells[y/factor*(size/factor)+x/factor][k%3]
		out[k] = uint8(min(max(float64(m.Pix[k/3*4+k%3])+shift+r.NormFloat64()*noise, 0), 255))
	}
	return out
}

func TestMeasureColours(t *testing.T) {
	birds := slices.Repeat(append(Unseen(), Seen()...), 3)
	for _, test := range []struct {
		name                  string
		size, factor          int
		noise                 float64
		wantPlumage, wantBill float64
	}{
		{"clean, 64 px", 64, 1, 0, 0.99, 0.99},
		{"clean, 32 px", 32, 1, 0, 0.99, 0.99},
		{"clean, 48 px", 48, 1, 0, 0.99, 0.99},
		{"64 px by 4", 64, 4, 12, 0.98, 0.95},
		{"64 px by 8", 64, 8, 12, 0.95, 0.9},
		{"32 px by 4", 32, 4, 12, 0.95, 0.9},
	} {
		d, err := DrawBirds(5, birds, Options{Size: test.size})
		if err != nil {
			t.Fatal(err)
		}
		pixels := d.Pixels
		if test.factor > 1 {
			pixels = nil
			r := rand.New(rand.NewPCG(1, 2))
			for i := range d.Len() {
				pixels = append(pixels, blurred(d.Image(i), test.size, test.factor, test.noise, r)...)
			}
		}
		asked, shuffled, err := Agree(birds, pixels, test.size)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: wing %.3f belly %.3f bill %.3f; shuffled: %.3f %.3f %.3f", test.name, asked.Wing, asked.Belly, asked.Bill, shuffled.Wing, shuffled.Belly, shuffled.Bill)
		if asked.Wing < test.wantPlumage || asked.Belly < test.wantPlumage || asked.Bill < test.wantBill {
			t.Errorf("%s: %+v", test.name, asked)
		}
		if shuffled.Wing > 0.3 || shuffled.Belly > 0.3 || shuffled.Bill > 0.3 {
			t.Errorf("%s: shuffled %+v", test.name, shuffled)
		}
	}
}

func TestShuffled(t *testing.T) {
	for _, birds := range [][]Bird{Unseen(), slices.Repeat(Unseen()[:2], 4), slices.Repeat(Unseen(), 8)} {
		shuffled, err := Shuffled(birds)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Shuffled(birds)
		if !slices.Equal(again, shuffled) {
			t.Error("another order the second time")
		}
		for i := range birds {
			if shuffled[i] == birds[i] {
				t.Errorf("%v of %d keeps its place", birds[i], len(birds))
			}
		}
		rank := func(a, b Bird) int { return a.number() - b.number() }
		if !slices.Equal(slices.SortedFunc(slices.Values(shuffled), rank), slices.SortedFunc(slices.Values(birds), rank)) {
			t.Error("not the same birds")
		}
	}
}

func TestBirdsRefuse(t *testing.T) {
	ok := Bird{Red, White, Black}
	_, none := NewBirds(1, 0, Options{})
	_, negative := NewBirds(1, -1, Options{})
	_, small := NewBirds(1, 1, Options{Size: 7})
	_, pink := DrawBirds(1, []Bird{ok, {Red, Colour(colours), Black}}, Options{})
	_, alone := Shuffled([]Bird{ok})
	_, alike := Shuffled([]Bird{ok, ok, {Red, Blue, Black}})
	_, nothing := Shuffled(nil)
	_, tiny := MeasureColours(make([]uint8, 3*49), 7)
	_, short := MeasureColours(make([]uint8, 3*64*64-1), 64)
	_, _, few := Agree([]Bird{ok, {Red, Blue, Black}}, make([]uint8, 3*64*64), 64)
	for name, err := range map[string]error{
		"none": none, "negative": negative, "small": small, "pink": pink, "alone": alone, "alike": alike, "nothing": nothing,
		"tiny": tiny, "short": short, "few": few,
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkMeasureColours(b *testing.B) {
	d := flock(b, 1, 10, Options{})
	templates()
	for i := 0; b.Loop(); i++ {
		if _, err := MeasureColours(d.Image(i%10), d.Size); err != nil {
			b.Fatal(err)
		}
	}
}
