package tokenizer

// queue is a binary heap, ordered by before. (container/heap would allocate for every element.)
type queue[T ordered[T]] []T

// ordered elements say whether they come before another one.
type ordered[T any] interface{ before(T) bool }

func (q *queue[T]) push(x T) {
	h := append(*q, x)
	*q = h
	at := len(h) - 1
	for at > 0 {
		parent := (at - 1) / 2
		if !x.before(h[parent]) {
			break
		}
		h[at] = h[parent]
		at = parent
	}
	h[at] = x
}

// pop removes the first element of a queue that isn't empty.
func (q *queue[T]) pop() T {
	h := *q
	first, x := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*q = h
	at := 0
	for {
		child := 2*at + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(x) {
			break
		}
		h[at] = h[child]
		at = child
	}
	if len(h) > 0 {
		h[at] = x
	}
	return first
}
