package data

import "math/rand/v2"

// The purposes of the random streams of a loader; see [NewPhilox].
const (
	orderPurpose = 1 + iota
	augmentPurpose
	captionPurpose
)

// Order orders the items of an epoch. The order depends on the seed, the epoch and the labels alone.
type Order struct {
	byClass  [][]int // items of each class that has any; nil unless balanced
	scratch  []int   // as long as the labels; nil unless balanced
	shuffled bool
	source   Philox
	random   *rand.Rand
}

// NewOrder returns the order of items with the given labels: 0, 1, 2, …; or, shuffled, a new random order each epoch; or,
// balanced, every class equally often.
func NewOrder(labels []int, shuffled, balanced bool) *Order {
	o := &Order{shuffled: shuffled}
	o.random = rand.New(&o.source)
	if !balanced {
		return o
	}
	o.scratch = make([]int, len(labels))
	classes := map[int]int{}
	for i, label := range labels {
		c, ok := classes[label]
		if !ok {
			c = len(o.byClass)
			classes[label] = c
			o.byClass = append(o.byClass, nil)
		}
		o.byClass[c] = append(o.byClass[c], i)
	}
	return o
}

// Fill writes the indices of the items of an epoch to list, which is as long as the labels.
func (o *Order) Fill(list []int, seed uint64, epoch int) {
	o.source.reset(seed, orderPurpose, uint64(epoch))
	if o.byClass != nil {
		o.balance(list, epoch)
	} else {
		for i := range list {
			list[i] = i
		}
	}
	if o.shuffled {
		shuffle(o.random, list)
	}
}

// balance gives every class an equal share of the list, to within one item. A large class contributes a random part of its
// items. A small class contributes its items several times, each equally often to within one.
func (o *Order) balance(list []int, epoch int) {
	n, k := len(list), len(o.byClass)
	for c, members := range o.byClass {
		share := n / k
		if (c+epoch)%k < n%k {
			share++
		}
		for share > 0 {
			drawn := o.scratch[:copy(o.scratch, members)]
			shuffle(o.random, drawn)
			took := copy(list[:share], drawn)
			list, share = list[took:], share-took
		}
	}
}

func shuffle(r *rand.Rand, list []int) {
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}
