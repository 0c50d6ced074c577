package data

// prefetchDepth batches are prepared ahead; with one being filled that is as much as one slow step can use.
const prefetchDepth = 2

// prefetch is the goroutine that prepares a loader's batches, and its buffers, which go round from free to ready and back.
type prefetch struct {
	free, ready chan *batch
	stop, done  chan struct{}
}

type batch struct {
	pixels  []float32 // [n, S, S, C]
	labels  []int     // [n]
	indices []int     // [n], into the dataset
	choices []int     // [n], see Choose
	after   Position  // of the batch that follows

	columns, rows []tap // scratch of view.show
}

func startPrefetch(d *Dataset, o LoaderOptions, from Position) *prefetch {
	p := &prefetch{
		free: make(chan *batch, prefetchDepth), ready: make(chan *batch, prefetchDepth),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	size := min(o.Batch, d.Len())
	for range prefetchDepth {
		p.free <- &batch{
			pixels: make([]float32, size*d.picture()), labels: make([]int, size), indices: make([]int, size), choices: make([]int, size),
			columns: make([]tap, d.Size), rows: make([]tap, d.Size),
		}
	}
	go p.run(d, o, from)
	return p
}

func (p *prefetch) run(d *Dataset, o LoaderOptions, at Position) {
	defer close(p.done)
	var (
		order   = NewOrder(d.Labels, o.Shuffle || o.Balance, o.Balance)
		list    = make([]int, d.Len())
		ordered = -1 // epoch that list is of
	)
	for {
		var b *batch
		select {
		case b = <-p.free:
		case <-p.stop:
			return
		}
		if ordered != at.Epoch {
			order.Fill(list, o.Seed, at.Epoch)
			ordered = at.Epoch
		}
		at = b.fill(d, o, list, at)
		p.ready <- b // never blocks: it has room for every batch there is
	}
}

func (p *prefetch) close() {
	close(p.stop)
	<-p.done
}

// fill makes the batch at a position and returns the position after it.
func (b *batch) fill(d *Dataset, o LoaderOptions, list []int, at Position) Position {
	n := min(o.Batch, len(list)-at.Index)
	picture := d.picture()
	b.pixels, b.labels, b.indices, b.choices = b.pixels[:n*picture], b.labels[:n], b.indices[:n], b.choices[:n]
	for k := range n {
		i, to := list[at.Index+k], b.pixels[k*picture:(k+1)*picture]
		b.labels[k], b.indices[k], b.choices[k] = d.Labels[i], i, -1
		if d.Captions != nil {
			b.choices[k] = Choose(o.Seed, at.Epoch, i, len(d.Captions[i]))
		}
		switch v := o.view(o.Seed, at.Epoch, at.Index+k, d.Size); {
		case !v.whole(d.Size):
			v.show(to, d.Image(i), b.columns, b.rows)
		case v.flip:
			scaleMirrored(to, d.Image(i), d.Size)
		default:
			Scale(to, d.Image(i))
		}
	}
	after := Position{at.Epoch, at.Index + n}
	if rest := len(list) - after.Index; rest == 0 || o.DropLast && rest < o.Batch {
		after = Position{at.Epoch + 1, 0}
	}
	b.after = after
	return after
}
