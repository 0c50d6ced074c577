package train

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Gather implements [comm.Group]. Bytes travel as int32, which gathering moves as they are.
func (g *deviceGroup) Gather(ctx context.Context, own []byte) ([][]byte, error) {
	if len(own) == 0 {
		return nil, fmt.Errorf("ranks: Gather of 0 bytes")
	}
	n, size := (len(own)+3)/4, g.place.Size
	all := make([]int32, n*size)
	var b kernel.Buffer
	err := g.run(ctx, func() error {
		b = g.room(0, n*size)
		engine.Kernels(g.device).UploadInts(b.Slice(g.place.Rank*n, n), words(own))
		return g.peers.AllGather(ctx, b)
	}, func(k kernel.Device) { k.DownloadInts(all, b) })
	if err != nil {
		return nil, err
	}
	var together [][]byte
	for rank := range size {
		var text []byte
		for _, w := range all[rank*n:][:n] {
			text = binary.LittleEndian.AppendUint32(text, uint32(w)) // #nosec G115 -- its bits
		}
		together = append(together, text[:len(own)])
	}
	return together, nil
}

// words packs bytes, the last word filled up by zeros.
func words(b []byte) (all []int32) {
	for padded := append(append([]byte(nil), b...), 0, 0, 0); len(padded) >= 4; padded = padded[4:] {
		all = append(all, int32(binary.LittleEndian.Uint32(padded))) // #nosec G115 -- its bits
	}
	return all
}

// Broadcast implements [comm.Group].
func (g *deviceGroup) Broadcast(ctx context.Context, data []byte, root int) error {
	all, err := g.Gather(ctx, data)
	if err == nil {
		copy(data, all[root])
	}
	return err
}

// Barrier implements [comm.Group].
func (g *deviceGroup) Barrier(ctx context.Context) error {
	_, err := g.Gather(ctx, []byte{1})
	return err
}

// Missing implements [comm.Group]. After a failure, devices can't tell who is there, so the ranks ask each other at rank 0's address.
func (g *deviceGroup) Missing(ctx context.Context) []int { return g.place.Absent(ctx) }

// Abort implements [comm.Group]. The other ranks end as soon as they miss this one, unless the launcher ends them before.
func (g *deviceGroup) Abort(code int) { os.Exit(code) }

// leaveTime is how long a rank waits for the others to leave together.
const leaveTime = 30 * time.Second

// Close implements [comm.Group].
func (g *deviceGroup) Close() error {
	if g.peers == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	peers := g.peers
	g.peers = nil
	return g.device.Exclusive(ctx, func() error {
		for _, b := range g.scratch {
			engine.Kernels(g.device).Free(b)
		}
		return peers.Close(ctx)
	})
}
