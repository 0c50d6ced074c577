package data

// prefetchDepth batches are prepared ahead: one is ready while the other is filled, which hides one slow step.
const prefetchDepth = 2

// prefetch is the goroutine that prepares a loader's batches. Batches go from free to ready, to the caller, and back.
type prefetch struct {
	free, ready chan *filledBatch
	stop, done  chan struct{}
}

// filledBatch is a batch with the position of the batch that follows.
type filledBatch struct {
	Batch
	after         Position
	columns, rows []tap // scratch of view.show, [S]
}

func startPrefetch(d *Dataset, o LoaderOptions, s share, from Position) *prefetch {
	const batches = prefetchDepth + 1 // with the one that the caller uses
	p := &prefetch{
		free: make(chan *filledBatch, batches), ready: make(chan *filledBatch, batches),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	size := min(o.Batch, d.Len()) / s.size
	for range batches {
		p.free <- &filledBatch{
			Batch: Batch{
				Pixels: make([]float32, size*d.picture()), Labels: make([]int, size), Indices: make([]int, size), Captions: make([]string, size),
			},
			columns: make([]tap, d.Size), rows: make([]tap, d.Size),
		}
	}
	go p.run(d, o, s, from)
	return p
}

func (p *prefetch) run(d *Dataset, o LoaderOptions, s share, at Position) {
	defer close(p.done)
	var (
		order   = NewOrder(d.Labels, o.Shuffle || o.Balance, o.Balance)
		list    = make([]int, d.Len())
		ordered = -1 // epoch of list
	)
	for {
		var b *filledBatch
		select {
		case b = <-p.free:
		case <-p.stop:
			return
		}
		if ordered != at.Epoch {
			order.Fill(list, o.Seed, at.Epoch)
			ordered = at.Epoch
		}
		at = b.fill(d, o, s, list, at)
		p.ready <- b // never blocks: the channel has room for all batches
	}
}

func (p *prefetch) close() {
	close(p.stop)
	<-p.done
}

// fill makes a share of the batch at a position and returns the position after the batch. list is the order of the epoch.
func (b *filledBatch) fill(d *Dataset, o LoaderOptions, s share, list []int, at Position) Position {
	whole := min(o.Batch, len(list)-at.Index)
	from, to := s.of(whole)
	n := to - from
	picture := d.picture()
	b.Pixels, b.Labels, b.Indices, b.Captions = b.Pixels[:n*picture], b.Labels[:n], b.Indices[:n], b.Captions[:n]
	for k := range n {
		place := at.Index + from + k
		i, to := list[place], b.Pixels[k*picture:(k+1)*picture]
		b.Labels[k], b.Indices[k] = d.Labels[i], i
		b.Captions[k] = d.caption(o.Seed, at.Epoch, i)
		switch v := o.view(o.Seed, at.Epoch, place, d.Size); {
		case !v.whole(d.Size):
			v.show(to, d.Image(i), b.columns, b.rows)
		case v.flip:
			scaleMirrored(to, d.Image(i), d.Size)
		default:
			Scale(to, d.Image(i))
		}
	}
	b.after = Position{at.Epoch, at.Index + whole}
	if rest := len(list) - b.after.Index; rest == 0 || o.DropLast && rest < o.Batch {
		b.after = Position{at.Epoch + 1, 0}
	}
	return b.after
}
