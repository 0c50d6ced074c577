package ptx

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var instructionPattern = regexp.MustCompile(`(?m)^\s+(?:@!?%p\d+ )?([a-z][a-z0-9_.:]*)[\s;]`)

// Instructions counts the instructions of a PTX text by opcode.
func Instructions(text string) map[string]int {
	counts := map[string]int{}
	for _, found := range instructionPattern.FindAllStringSubmatch(text, -1) {
		counts[found[1]]++
	}
	return counts
}

// Alike returns an error if two texts can't be of one source: if they have different kernels or parameters, or if more
// than 1 % of their instructions differ. NVRTC's output varies from run to run in the order of instructions, and with it
// in the loads that it merges.
func Alike(a, b string) error {
	entriesA, err := Entries(a)
	if err != nil {
		return err
	}
	entriesB, err := Entries(b)
	if err != nil {
		return err
	}
	byName := func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(entriesA, byName)
	slices.SortFunc(entriesB, byName)
	if !slices.EqualFunc(entriesA, entriesB, func(a, b Entry) bool { return a.Name == b.Name && slices.Equal(a.Params, b.Params) }) {
		return errors.New("the kernels or their parameters differ")
	}
	countsA, countsB := Instructions(a), Instructions(b)
	all, different := 0, 0
	for name, n := range countsA {
		all += n
		different += max(n-countsB[name], countsB[name]-n)
	}
	for name, n := range countsB {
		if countsA[name] == 0 {
			different += n
		}
	}
	if different*100 > all {
		return fmt.Errorf("%d of %d instructions differ", different, all)
	}
	return nil
}
