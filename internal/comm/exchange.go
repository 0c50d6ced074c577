package comm

import (
	"context"
	"encoding/binary"
)

// pieceBytes bounds what all ranks together exchange in one operation: MPI counts bytes in 32 bits.
const pieceBytes = 1 << 30

// Exchange returns the messages of all ranks, which may differ in length.
func Exchange(ctx context.Context, g Group, own []byte) (all [][]byte, err error) {
	sizes, err := g.Gather(ctx, binary.LittleEndian.AppendUint64(nil, uint64(len(own))))
	if err != nil {
		return nil, err
	}
	longest := 0
	for _, s := range sizes {
		n := int(binary.LittleEndian.Uint64(s)) // #nosec G115 -- a length
		longest = max(longest, n)
		all = append(all, make([]byte, 0, n))
	}
	most := max(1, pieceBytes/len(sizes))
	for lo := 0; lo < longest; lo += most {
		piece := make([]byte, min(most, longest-lo)) // those that have less send zeros
		copy(piece, own[min(lo, len(own)):])
		pieces, err := g.Gather(ctx, piece)
		if err != nil {
			return nil, err
		}
		for i, p := range pieces {
			all[i] = append(all[i], p[:min(len(p), cap(all[i])-len(all[i]))]...)
		}
	}
	return all, nil
}
