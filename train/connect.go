package train

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// connection is how the ranks of a training exchange what their devices hold.
type connection struct {
	sums
	device *tensor.Device
	peers  kernel.Peers // the joined devices, which the training leaves at its end; nil: there are none
	by     string       // what joins the devices; "": the program's memory is used
	why    string       // why the devices aren't joined although some could be; "" for processors
}

// withoutGPU is what a rank says whose device can't be joined to others.
const withoutGPU = "it computes without a GPU"

// connect joins the devices of all ranks, if that works on all of them; otherwise data passes through the program's memory. All ranks
// call it, and get the same.
func (r *Ranks) connect(ctx context.Context, d *tensor.Device) (*connection, error) {
	c := &connection{sums: hostSums{r.group, d}, device: d}
	if g, ok := r.group.(*deviceGroup); ok { // they are joined, for messages
		c.sums, c.by = &deviceSums{peers: g.peers, device: d}, g.peers.Name()
		return c, nil
	}
	wait, cancel := r.waiting()
	defer cancel()
	device := engine.Kernels(d).Features().Collectives
	var id [128]byte
	all, err := r.texts(wait, offer(device, r.Rank() == 0, &id))
	if err != nil || !slices.ContainsFunc(all, func(t string) bool { return t != withoutGPU }) {
		return c, err
	}
	if c.why = firstReason(all); c.why != "" {
		return c, nil
	}
	if err := r.leaderSays(wait, &id); err != nil {
		return nil, err
	}
	failed := d.Exclusive(ctx, func() (err error) {
		ctx, cancel := r.within()
		defer cancel()
		c.peers, err = device.Join(ctx, id, r.Rank(), r.Size())
		return err
	})
	all, err = r.texts(wait, text(failed))
	if err != nil {
		c.abandon(&err)
		return nil, err
	}
	if c.why = firstReason(all); c.why != "" {
		c.abandon(&err)
		return c, r.agree(wait, err)
	}
	c.sums, c.by = &deviceSums{peers: c.peers, device: d}, c.peers.Name()
	return c, nil
}

// offer returns why a device can't be joined to others, "" if it may. Rank 0 makes the id.
func offer(device kernel.Collectives, leads bool, id *[128]byte) string {
	if device == nil {
		return withoutGPU
	}
	err := device.Available()
	if err == nil && leads {
		*id, err = device.NewID()
	}
	return text(err)
}

// firstReason returns the first text that a rank gave; "" if none did.
func firstReason(all []string) string {
	for rank, t := range all {
		if t != "" {
			return fmt.Sprintf("rank %d can't join its device to the others: %s", rank, t)
		}
	}
	return ""
}

// String says what joins the devices, for reports; "" if nothing does.
func (c *connection) String() string {
	if c.by == "" {
		return ""
	}
	return ", joined by " + c.by
}

// end leaves the other devices after a training with that error: together if all ranks know of it, else at once.
func (r *Ranks) end(c *connection, err error) (failed error) {
	if c.peers == nil || err != nil && !Agreed(err) {
		c.abandon(&failed)
		return failed
	}
	peers := c.peers
	c.peers = nil
	return c.device.Exclusive(context.Background(), func() error {
		ctx, cancel := r.within()
		defer cancel()
		return peers.Close(ctx)
	})
}

// abandon leaves the other devices at once, if they are joined, and adds a failure to err.
func (c *connection) abandon(err *error) {
	if c == nil || c.peers == nil {
		return
	}
	peers := c.peers
	c.peers = nil
	if failed := c.device.Exclusive(context.Background(), peers.Abort); failed != nil {
		*err = errors.Join(*err, failed)
	}
}
