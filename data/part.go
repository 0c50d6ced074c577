package data

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
)

// Part is a part of a dataset by the names of its pictures: parts First to Last of Of equal ones. "1/4" is the first
// quarter, "2-4/4" the other three, which have no picture in common with it. The zero value is the whole dataset.
//
// The part of a picture depends on its name alone (the first eight bytes of the SHA-256 of "part " and the name, modulo
// Of), so it stays the same when pictures are added. It is independent of [HeldOut] and of held-out shares.
type Part struct{ First, Last, Of int }

// maxParts is the largest Of.
const maxParts = 1000

// ParsePart parses "", "A/B" or "A-C/B". The error is a [*fault.FieldError].
func ParsePart(text string) (p Part, err error) {
	if text == "" {
		return p, nil
	}
	wrong := fault.Field("Part", text, "must be a part such as 1/4, or parts such as 2-4/4, of 2 to %d", maxParts)
	parts, of, ok := strings.Cut(text, "/")
	if !ok {
		return p, wrong
	}
	first, last, ranged := strings.Cut(parts, "-")
	if !ranged {
		last = first
	}
	for _, n := range []struct {
		text string
		into *int
	}{{first, &p.First}, {last, &p.Last}, {of, &p.Of}} {
		if *n.into, err = strconv.Atoi(n.text); err != nil {
			return Part{}, wrong
		}
	}
	if p.First < 1 || p.Last < p.First || p.Of < p.Last || p.Of < 2 || p.Of > maxParts {
		return Part{}, wrong
	}
	return p, nil
}

// Has reports whether the picture of that name belongs to the part.
func (p Part) Has(name string) bool {
	if p.Of == 0 {
		return true
	}
	sum := sha256.Sum256([]byte("part " + name))
	i := int(binary.BigEndian.Uint64(sum[:])%uint64(p.Of)) + 1
	return p.First <= i && i <= p.Last
}

// Disjoint reports whether two parts of one dataset surely have no picture in common. Parts of different Of may have
// some.
func (p Part) Disjoint(q Part) bool {
	return p.Of == q.Of && p.Of > 0 && (p.Last < q.First || q.Last < p.First)
}

// String writes the part as ParsePart reads it.
func (p Part) String() string {
	switch {
	case p.Of == 0:
		return ""
	case p.First == p.Last:
		return fmt.Sprintf("%d/%d", p.First, p.Of)
	}
	return fmt.Sprintf("%d-%d/%d", p.First, p.Last, p.Of)
}

// Part returns the pictures of a part of the dataset; see [Dataset.Where]. It is an error if there are none, or if the
// pictures have no names.
func (d *Dataset) Part(p Part) (*Dataset, error) {
	if p.Of == 0 {
		return d, nil
	}
	if d.Names == nil {
		return nil, fault.Field("Part", p, "needs pictures with names; leave it out")
	}
	part := d.Where(func(i int) bool { return p.Has(d.Name(i)) })
	if part.Len() == 0 {
		return nil, fault.Field("Part", p, "has none of the %d pictures; choose a larger part", d.Len())
	}
	return part, nil
}
