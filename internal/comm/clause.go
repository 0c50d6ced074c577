package comm

import (
	"fmt"
	"strings"
)

// Clause says what ranks do, such as "rank 1 waits" or "ranks 1, 2 wait".
func Clause(ranks []int, singular, plural string) string {
	if len(ranks) == 1 {
		return fmt.Sprintf("rank %d %s", ranks[0], singular)
	}
	return list(ranks) + " " + plural
}

// list writes ranks, the first eight.
func list(ranks []int) string {
	const most = 8
	all := strings.Trim(fmt.Sprint(ranks[:min(len(ranks), most)]), "[]")
	if len(ranks) > most {
		all += " …"
	}
	return "ranks " + strings.ReplaceAll(all, " ", ", ")
}
