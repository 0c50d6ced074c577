package data

import (
	"errors"
	"fmt"
	"sync"

	"github.com/bestiary-ml/bestiary/fault"
)

// decoded are the decoded items of a source.
type decoded struct {
	pixels []uint8  // [N, S, S, C] of the N items that did not fail, in their order
	failed []failed // by index
	hashes []string // by item, of the encoded picture; "" if it could not be read
	fresh  int      // items that did not come from the cache

	captions string // a hash of the captions; "" if the source has none
}

type failed struct {
	item   int
	reason string
	again  bool // not of the picture but of the system, so it is tried again next time
}

// decodeAll decodes every item to its own place, so that the result does not depend on the number of workers. Pictures that
// the cache knows, by their stamp or their content, are taken from it.
func decodeAll(s Source, o Options, old *cached) (decoded, error) {
	if d, ok := old.whole(s); ok {
		return d, nil
	}
	type job struct {
		item int
		read Encoded
	}
	var (
		picture  = o.picture()
		pixels   = make([]uint8, len(s.Items)*picture) // the system gives the memory of a picture when it is written
		failures = make([]*failed, len(s.Items))
		d        = decoded{hashes: make([]string, len(s.Items))}
		seen     = make([]bool, len(s.Items))
		jobs     = make(chan job, o.Workers)
		wg       sync.WaitGroup
		mu       sync.Mutex
		done     int
	)
	finished := func(fresh bool) {
		mu.Lock()
		defer mu.Unlock()
		if done++; fresh {
			d.fresh++
		}
		if o.Progress != nil {
			o.Progress(done, len(s.Items))
		}
	}
	unread := 0
	for i, item := range s.Items {
		if e := old.trusted(item); e != nil {
			seen[i], d.hashes[i] = true, e.Hash
			failures[i] = old.take(e, i, pixels[i*picture:(i+1)*picture])
		} else {
			unread++
		}
	}
	done = len(s.Items) - unread
	if o.Progress != nil && done > 0 && unread > 0 {
		o.Progress(done, len(s.Items))
	}
	for range min(o.Workers, unread) {
		wg.Go(func() {
			for j := range jobs {
				if o.stopped() != nil {
					continue
				}
				to := pixels[j.item*picture : (j.item+1)*picture]
				encoded, err := j.read()
				if err != nil {
					var unusable *Unusable
					failures[j.item] = &failed{j.item, err.Error(), !errors.As(err, &unusable)}
					finished(true)
					continue
				}
				d.hashes[j.item] = contentHash(encoded)
				if e := old.known(s.Items[j.item], d.hashes[j.item]); e != nil {
					failures[j.item] = old.take(e, j.item, to)
					finished(false)
					continue
				}
				if err := o.Limits.decode(to, encoded, o.of(s.Items[j.item])); err != nil {
					var own *exceeded
					failures[j.item] = &failed{j.item, err.Error(), errors.As(err, &own)}
				}
				finished(true)
			}
		})
	}
	var err error
	if unread > 0 {
		err = s.Read(func(i int, e Encoded) bool {
			if i >= 0 && i < len(s.Items) && !seen[i] && e != nil {
				seen[i] = true
				jobs <- job{i, e}
			}
			return o.stopped() == nil
		})
	}
	close(jobs)
	wg.Wait()
	if err = errors.Join(o.stopped(), err); err != nil {
		return decoded{}, err
	}
	n := 0
	for i, f := range failures {
		if !seen[i] {
			f = &failed{i, "missing", true}
			d.fresh++
		}
		if f != nil {
			d.failed = append(d.failed, *f)
			continue
		}
		copy(pixels[n*picture:], pixels[i*picture:(i+1)*picture])
		n++
	}
	d.pixels = pixels[:n*picture]
	return d, nil
}

// dataset adds classes and captions to the pictures and counts them.
func (d decoded) dataset(s Source, o Options, captions *captions, old *cached) (*Dataset, error) {
	ds := &Dataset{
		Size: o.Size, Channels: o.Channels, Classes: s.Classes, Pixels: d.pixels,
		Report: Report{
			Source:  fmt.Sprintf("%s: %s (%s, %d×%d)", s.Layout, s.Path, o.Split, o.Size, o.Size),
			Classes: s.Classes, Counts: make([]int, len(s.Classes)), Notes: s.Notes, FromCache: d.fresh == 0 && old != nil && d.captions == old.captions,
		},
	}
	told := &ds.Report.Captions
	if captions != nil {
		ds.Captions = [][]string{}
		*told = CaptionReport{Blank: captions.Blank, LeftOut: captions.LeftOut, Required: o.Captions, Orphans: s.Orphans}
	}
	picture, gaps, at := o.picture(), d.failed, 0
	for i, item := range s.Items {
		if len(gaps) > 0 && gaps[0].item == i {
			ds.Report.LeftOut = append(ds.Report.LeftOut, Problem{item.Name, gaps[0].reason})
			gaps = gaps[1:]
			continue
		}
		own := d.pixels[at : at+picture]
		at += picture
		if captions != nil {
			own := captions.Of[i]
			if len(own) == 0 {
				told.Uncaptioned = append(told.Uncaptioned, item.Name)
				if o.Captions {
					continue
				}
			}
			ds.Captions = append(ds.Captions, own)
			told.Total += len(own)
		}
		copy(ds.Pixels[len(ds.Labels)*picture:], own)
		ds.Labels = append(ds.Labels, item.Label)
		ds.Names = append(ds.Names, item.Name)
		ds.Report.Counts[item.Label]++
	}
	switch left := ds.Report.LeftOut; {
	case ds.Len() > 0:
		ds.Pixels = ds.Pixels[:ds.Len()*picture]
		return ds, nil
	case len(told.LeftOut) > 0 && len(left) < len(s.Items):
		return nil, fmt.Errorf("%s: %s: no caption we can read (%s), and neither has any other of %d pictures one; repair the captions", s.Layout, told.LeftOut[0].Name, told.LeftOut[0].Reason, len(s.Items))
	case len(left) < len(s.Items):
		return nil, fmt.Errorf("%s: %s: %w: none of %d pictures has a caption; add some", s.Layout, s.Path, ErrNoCaptions, len(s.Items)-len(left))
	default:
		return nil, fmt.Errorf("%s: %w", s.Layout, fault.Damaged(left[0].Name, "not an image we can decode (%s), and neither is any other of %d; replace them", left[0].Reason, len(s.Items)))
	}
}
