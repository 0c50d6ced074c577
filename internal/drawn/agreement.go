package drawn

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
)

// Agreement is the share of pictures whose wing, belly and bill have the colour asked for, 0 to 1.
type Agreement struct{ Wing, Belly, Bill float64 }

// Agree compares pictures, [n, size, size, 3], with the birds that were asked for. shuffled is the agreement with the same
// birds in the order of [Shuffled]: what chance alone gives.
func Agree(wanted []Bird, pictures []uint8, size int) (asked, shuffled Agreement, err error) {
	others, err := Shuffled(wanted)
	if err != nil {
		return asked, shuffled, err
	}
	n := len(wanted)
	if len(pictures) != n*size*size*3 {
		return asked, shuffled, fmt.Errorf("drawn: %d bytes are not %d pictures of %d×%d pixels in RGB; give one for each bird asked for",
			len(pictures), n, size, size)
	}
	drawn := make([]Bird, n)
	for i := range drawn {
		m, err := MeasureColours(pictures[i*size*size*3:(i+1)*size*size*3], size)
		if err != nil {
			return asked, shuffled, err
		}
		drawn[i] = m.Bird
	}
	return compare(wanted, drawn), compare(others, drawn), nil
}

func compare(wanted, drawn []Bird) (a Agreement) {
	one := 1 / float64(len(wanted))
	for i, w := range wanted {
		if w.Wing == drawn[i].Wing {
			a.Wing += one
		}
		if w.Belly == drawn[i].Belly {
			a.Belly += one
		}
		if w.Bill == drawn[i].Bill {
			a.Bill += one
		}
	}
	return a
}

// Shuffled returns the birds in another order, in which none has the place of an equal bird; single colours may coincide. The
// order depends on the birds alone. It is an error if one combination is more than half of the birds.
func Shuffled(birds []Bird) ([]Bird, error) {
	count := map[Bird]int{}
	most := 0
	for _, b := range birds {
		count[b]++
		most = max(most, count[b])
	}
	if len(birds) < 2 || 2*most > len(birds) {
		return nil, fmt.Errorf("drawn: %d of %d birds asked for are equal, so that they cannot be shuffled; ask for more combinations", most, len(birds))
	}
	// With equal birds side by side, a rotation by the size of the largest group moves each bird out of its group. The groups
	// are in random order: a rotation of sorted groups would keep the wing of most birds.
	groups := make([]Bird, 0, len(count))
	for b := range count {
		groups = append(groups, b)
	}
	slices.SortFunc(groups, func(a, b Bird) int { return a.number() - b.number() })
	rand.New(data.NewPhilox(0, purposeShuffle, 0)).Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	place := map[Bird]int{}
	for i, b := range groups {
		place[b] = i
	}
	order := make([]int, len(birds))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return place[birds[i]] - place[birds[j]] })
	shuffled := make([]Bird, len(birds))
	for k, i := range order {
		shuffled[i] = birds[order[(k+most)%len(order)]]
	}
	return shuffled, nil
}

// number returns the index of the combination of colours.
func (b Bird) number() int { return (int(b.Wing)*colours+int(b.Belly))*colours + int(b.Bill) }

const purposeShuffle = 0x6273
