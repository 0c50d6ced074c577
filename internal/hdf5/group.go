package hdf5

import (
	"bytes"
	"fmt"
)

// Parts of the format that stand for an old-style group: a B-tree (version 1) of symbol table nodes, and a heap of names.
const (
	treeHead  = 24
	entrySize = 40
	maxHeap   = 1 << 24 // bytes of the names of a group
	softLink  = 2       // cache type of an entry that names an object instead of pointing to it
)

// group opens the members of a group.
func (f *File) group(path string, tree, heap uint64, depth int) error {
	names, err := f.heap(heap)
	if err != nil {
		return err
	}
	return f.tree(tree, 1<<8, func(entry []byte) error {
		offset := word(entry, 0)
		if offset >= uint64(len(names)) {
			return errDamaged("name of a group's member", offset)
		}
		name, _, whole := bytes.Cut(names[offset:], []byte{0})
		if !whole || len(name) == 0 {
			return errDamaged("name of a group's member", offset)
		}
		own := path + "/" + string(name)
		if path == "" {
			own = string(name)
		}
		if entry[16] == softLink {
			return fmt.Errorf("has a symbolic link %.80q, which is not followed here; %s", own, rewrite)
		}
		return f.open(own, word(entry, 8), depth+1)
	})
}

// heap returns the names of a group's members.
func (f *File) heap(at uint64) ([]byte, error) {
	head, err := f.read(at, 32)
	if err != nil {
		return nil, err
	}
	if string(head[:4]) != "HEAP" || head[4] != 0 || word(head, 8) > maxHeap {
		return nil, errDamaged("heap", at)
	}
	return f.read(word(head, 24), word(head, 8))
}

// tree calls f for the entries of the symbol table nodes below a node. Its level must be below the given one, so that damaged nodes can't
// refer to each other in a circle.
func (f *File) tree(at uint64, below int, each func(entry []byte) error) error {
	head, err := f.read(at, treeHead)
	if err != nil {
		return err
	}
	level, n := int(head[5]), half(head, 6)
	if string(head[:4]) != "TREE" || head[4] != 0 || level >= below {
		return errDamaged("tree of a group", at)
	}
	keys, err := f.read(at+treeHead, 16*uint64(n)) // a key and a child each
	if err != nil {
		return err
	}
	for i := range n {
		child := word(keys, 16*i+8)
		if level > 0 {
			err = f.tree(child, level, each)
		} else {
			err = f.node(child, each)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// node calls f for the entries of a symbol table node.
func (f *File) node(at uint64, each func(entry []byte) error) error {
	head, err := f.read(at, 8)
	if err != nil {
		return err
	}
	if string(head[:4]) != "SNOD" || head[4] != 1 {
		return errDamaged("node of a group", at)
	}
	entries, err := f.read(at+8, entrySize*uint64(half(head, 6)))
	if err != nil {
		return err
	}
	for ; len(entries) > 0; entries = entries[entrySize:] {
		if err := each(entries[:entrySize]); err != nil {
			return err
		}
	}
	return nil
}
