package flows

// Mask says which columns a coupling passes unchanged. A flow without permutations flips the mask of every second coupling.
type Mask string

// Masks.
const (
	// Half passes the first half of the columns, the smaller one if their number is odd.
	Half Mask = "half"
	// Odds passes columns 1, 3, 5 …
	Odds Mask = "odds"
)

// Passive returns which of dim columns the mask passes, ascending; if flipped, the others.
func (m Mask) Passive(dim int, flipped bool) []int {
	var passive []int
	for column := range dim {
		passes := column < dim/2
		if m == Odds {
			passes = column%2 == 1
		}
		if passes != flipped {
			passive = append(passive, column)
		}
	}
	return passive
}
