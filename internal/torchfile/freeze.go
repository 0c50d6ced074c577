package torchfile

import (
	"errors"
	"fmt"
)

const (
	maxDepth = 64
	maxNodes = 1 << 21

	// A pickle names what it repeats in two bytes or more, so its tree has fewer values than bytes unless lists are shared.
	spareNodes   = 1 << 14
	nodesPerByte = 8
)

// freezer converts the machine's values into the tree that Open returns. A pickle may contain a list that contains itself,
// or twice a list that contains twice a list, and so on; the bounds make the tree finite.
type freezer struct{ nodes, most int }

// freeze converts the value of a pickle of a length in bytes.
func freeze(v any, length int) (any, error) {
	return (&freezer{most: min(spareNodes+nodesPerByte*length, maxNodes)}).freeze(v, 0)
}

func (f *freezer) freeze(v any, depth int) (any, error) {
	if f.nodes++; depth > maxDepth || f.nodes > f.most {
		return nil, errors.New("its object is nested too deeply or is too large")
	}
	switch v := v.(type) {
	case nil, bool, int64, float64, string, *Tensor:
		return v, nil
	case *list:
		items, err := f.all(v.items, depth)
		return List(items), err
	case Tuple:
		items, err := f.all(v, depth)
		return Tuple(items), err
	case *Object:
		args, err := f.all(v.Args, depth)
		if err != nil {
			return nil, err
		}
		frozen := &Object{Class: v.Class, New: v.New}
		if v.Args != nil {
			frozen.Args = args
		}
		frozen.State, err = f.freeze(v.State, depth+1)
		return frozen, err
	case *Dict:
		values, err := f.all(v.values, depth)
		if err != nil {
			return nil, err
		}
		return &Dict{Ordered: v.Ordered, keys: v.keys, values: values, index: v.index}, nil
	}
	return nil, fmt.Errorf("its object holds %s by itself", describe(v))
}

func (f *freezer) all(items []any, depth int) ([]any, error) {
	frozen := make([]any, len(items))
	for i, v := range items {
		var err error
		if frozen[i], err = f.freeze(v, depth+1); err != nil {
			return nil, err
		}
	}
	return frozen, nil
}
