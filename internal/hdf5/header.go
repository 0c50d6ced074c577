package hdf5

import (
	"encoding/binary"
	"fmt"
)

// Types of the messages of an object header that are read. Others say nothing about shapes and values.
const (
	dataspaceMessage    = 0x01
	datatypeMessage     = 0x03
	layoutMessage       = 0x08
	filterMessage       = 0x0B
	continuationMessage = 0x10
	tableMessage        = 0x11

	sharedFlag  = 2 // of a message that is elsewhere
	messageHead = 8
)

// header are the messages of an object; those that it lacks are nil.
type header struct {
	table                   []byte // of a group
	dataspace, kind, layout []byte // of a dataset
	filtered                bool
}

// header reads the object header at an address.
func (f *File) header(at uint64) (h header, err error) {
	head, err := f.read(at, 16)
	if err != nil {
		return h, err
	}
	if string(head[:4]) == "OHDR" {
		return h, errNewer
	}
	if head[0] != 1 {
		return h, errDamaged("object header", at)
	}
	type block struct{ at, n uint64 }
	blocks := []block{{at + 16, uint64(binary.LittleEndian.Uint32(head[8:]))}}
	for k := 0; k < len(blocks); k++ {
		b, err := f.read(blocks[k].at, blocks[k].n)
		if err != nil {
			return h, err
		}
		for len(b) >= messageHead {
			n := half(b, 2)
			if n > len(b)-messageHead {
				return h, errDamaged("object header", at)
			}
			body := b[messageHead : messageHead+n]
			to, least := h.place(half(b, 0))
			if half(b, 0) == continuationMessage {
				if n < 16 {
					return h, errDamaged("object header", at)
				}
				blocks = append(blocks, block{word(body, 0), word(body, 8)})
			}
			if to != nil {
				if b[4]&sharedFlag != 0 {
					return h, fmt.Errorf("has a type that is shared by datasets, which is not read here; %s", rewrite)
				}
				if n < least {
					return h, errDamaged("object header", at)
				}
				*to = body
			}
			h.filtered = h.filtered || half(b, 0) == filterMessage
			b = b[messageHead+n:]
		}
	}
	return h, nil
}

// place returns where a message of a type is kept, and its least length; nil for others.
func (h *header) place(message int) (to *[]byte, least int) {
	switch message {
	case tableMessage:
		return &h.table, 16
	case dataspaceMessage:
		return &h.dataspace, 4
	case datatypeMessage:
		return &h.kind, 8
	case layoutMessage:
		return &h.layout, 4
	}
	return nil, 0
}
