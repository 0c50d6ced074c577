package data

import (
	"slices"
)

// cached is the content of a cache file.
type cached struct {
	items   map[string]*cachedItem // by name
	picture int
	pixels  []uint8

	captions string // their hash
}

// whole returns the content of the cache if it holds the pictures of a source, all trusted and in their order. Nothing is
// copied.
func (c *cached) whole(s Source) (d decoded, ok bool) {
	if c == nil || len(c.items) != len(s.Items) {
		return d, false
	}
	slot := 0
	for i, item := range s.Items {
		e := c.trusted(item)
		switch {
		case e == nil || e.Reason == "" && e.slot != slot:
			return d, false
		case e.Reason != "":
			d.failed = append(d.failed, failed{i, e.Reason, false})
		default:
			slot++
		}
		d.hashes = append(d.hashes, e.Hash)
	}
	d.pixels = c.pixels
	return d, true
}

// trusted returns the cached item of a picture whose file has not changed, or nil.
func (c *cached) trusted(item Item) *cachedItem {
	if c == nil || item.Stamp == "" {
		return nil
	}
	if e := c.items[item.Name]; e != nil && e.Stamp == item.Stamp {
		return e
	}
	return nil
}

// known returns the cached item of a picture with the content of a hash, or nil.
func (c *cached) known(item Item, hash string) *cachedItem {
	if c == nil {
		return nil
	}
	if e := c.items[item.Name]; e != nil && e.Hash == hash {
		return e
	}
	return nil
}

// take writes the pixels of a cached item, or returns its failure.
func (c *cached) take(e *cachedItem, item int, to []uint8) *failed {
	if e.Reason != "" {
		return &failed{item, e.Reason, false}
	}
	copy(to, c.pixels[e.slot*c.picture:])
	return nil
}

// changed reports whether the cache file should be written: if it lacks a picture, or has one too many, or if a stamp that
// was unknown is known now.
func (d decoded) changed(s Source, old *cached) bool {
	if d.fresh > 0 || old == nil || d.captions != old.captions {
		return true
	}
	again := 0
	for _, f := range d.failed {
		if f.again {
			again++
		}
	}
	if len(old.items) != len(s.Items)-again {
		return true
	}
	return slices.ContainsFunc(s.Items, func(item Item) bool {
		e := old.items[item.Name]
		return e == nil || item.Stamp != "" && e.Stamp != item.Stamp
	})
}
