package flows

// Mask says which columns a coupling passes through unchanged. A flow without permutations exchanges the two sets
// from one coupling to the next.
type Mask string

const (
	// Half passes the first half of the columns, the smaller one if their number is odd.
	Half Mask = "half"
	// Odds passes columns 1, 3, 5 …
	Odds Mask = "odds"
)

// Passive lists the columns of dim that the mask passes, ascending; flipped, the others.
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
