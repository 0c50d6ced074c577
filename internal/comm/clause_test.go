package comm

import "testing"

// TestClause checks the number of the verb, and that many ranks are not all named.
func TestClause(t *testing.T) {
	for want, ranks := range map[string][]int{
		"rank 7 has":                           {7},
		"ranks 1, 2 have":                      {1, 2},
		"ranks 0, 1, 2, 3, 4, 5, 6, 7, … have": {0, 1, 2, 3, 4, 5, 6, 7, 8},
	} {
		if got := Clause(ranks, "has", "have"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
