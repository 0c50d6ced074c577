package drawn

import (
	"errors"
	"strconv"
	"strings"
)

// MaxPictures is the largest number of pictures of a path that names drawn ones.
const MaxPictures = 1_000_000

// SeedAndNumber parses "SEED:N", what paths of drawn pictures end in. N is from 1 to [MaxPictures].
func SeedAndNumber(text string) (seed uint64, n int, err error) {
	seedText, nText, _ := strings.Cut(text, ":")
	if seed, err = strconv.ParseUint(seedText, 10, 64); err != nil {
		return 0, 0, err
	}
	if n, err = strconv.Atoi(nText); err == nil && (n < 1 || n > MaxPictures) {
		err = errors.New("out of range")
	}
	return seed, n, err
}
