// Package pages has memory whose pages go back to the system, and come again at the same addresses.
package pages

import "errors"

// ErrUnsupported says that this system has no such memory here.
var ErrUnsupported = errors.New("memory can't be given back page by page on this system; use Linux")

// Range returns the bytes [from, to) as far as they are whole pages; from is to if there are none.
func (r *Region) Range(from, to int) (first, end int) {
	first = (from + pageSize - 1) / pageSize * pageSize
	if to < len(r.memory) { // the last page belongs to the region up to its end
		to = to / pageSize * pageSize
	}
	return first, max(first, to)
}
