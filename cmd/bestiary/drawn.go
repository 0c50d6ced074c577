package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/drawn"
)

// birdsPath begins what stands for drawn birds where else a path names pictures: "birds:SEED:N".
const birdsPath = "birds:"

// drawBirds draws the birds that such a path names. To train on are birds 0 to N−1 of the seed, to test with the next
// ones, a fifth as many.
func drawBirds(path string, o data.Options) (*data.Dataset, error) {
	seedText, nText, _ := strings.Cut(strings.TrimPrefix(path, birdsPath), ":")
	seed, err := strconv.ParseUint(seedText, 10, 64)
	n, errN := strconv.Atoi(nText)
	if err != nil || errN != nil || n < 1 || n > 1_000_000 {
		return nil, usagef("--data %s: does not name drawn birds; write birds:SEED:N, such as birds:1:2000 for 2,000 birds of seed 1", path)
	}
	if o, err = o.ResolveFor("birds", path, 0); err != nil {
		return nil, err
	}
	if o.Channels != 3 {
		return nil, usagef("--data %s: drawn birds have no transparency; use --channels 3", path)
	}
	tests := max(1, n/5)
	all, err := drawn.NewBirds(seed, n+tests, drawn.Options{Size: o.Size})
	if err != nil {
		return nil, err
	}
	d := all.Where(func(i int) bool { return o.Split == data.All || o.Split.Has(i >= n) })
	d.Report.Source = fmt.Sprintf("birds: %d of seed %d (%s, %d×%d)", d.Len(), seed, o.Split, o.Size, o.Size)
	return d, nil
}
