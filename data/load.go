package data

import (
	"errors"
	"fmt"
	"sync"

	"github.com/bestiary-ml/bestiary/internal/ram"
)

const maxMemory = 32 << 30 // bytes of decoded pictures; beyond, the reason is surely a size or a folder given by mistake

// ErrNoCaptions is in the errors about pictures without captions where they are wanted.
var ErrNoCaptions = errors.New("has no captions")

// Source lists the pictures of a layout, for Load.
type Source struct {
	Layout  string   // "pets", "folder", …: begins every message
	Path    string   // the folder or file
	Classes []string // names of the classes
	Items   []Item   // the pictures wanted
	Notes   []string // for the report
	Read    Reader   // gives their bytes
	Texts   Texts    // gives their captions; nil where there are none
	Orphans []string // captions without a picture, for the report
}

// Item is one picture of a Source.
type Item struct {
	Name  string // unique in the source, relative to its path, with forward slashes
	Label int    // index into the classes
	Stamp string // changes when the picture or its captions do: size and time of their files
}

// Encoded returns a picture's bytes as they are stored.
type Encoded func() ([]byte, error)

// Reader yields the index of every item of a source once, in any order, with its bytes. The Encoded is called by another goroutine, so what
// it does runs in parallel; an error that it returns leaves out that picture, an error of the Reader ends the load.
type Reader func(yield func(i int, e Encoded) bool) error

// Load decodes the pictures of a source, or finds them in the cache. Pictures that cannot be decoded are left out and named in the report;
// it is an error if none is left.
func Load(s Source, o Options) (*Dataset, error) {
	o, err := o.Resolve()
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%s: %s", s.Layout, s.Path)
	if len(s.Items) == 0 {
		return nil, fmt.Errorf("%s: no pictures in split %q; add pictures or choose another split", what, o.Split)
	}
	if o.Captions && s.Texts == nil {
		return nil, fmt.Errorf("%s: %w; give pictures with a .txt file of the same name each, CUB_200_2011 with text_c10, or a WebDataset .tar", what, ErrNoCaptions)
	}
	need := len(s.Items) * o.picture()
	if err := ram.Check(fmt.Sprintf("%s: %d pictures of %d×%d", what, len(s.Items), o.Size, o.Size), need); err != nil {
		return nil, err
	}
	if need > maxMemory {
		return nil, fmt.Errorf("%s: %d pictures of %d×%d need %d GB; choose a smaller image size", what, len(s.Items), o.Size, o.Size, need>>30)
	}
	cache := newCache(s, o)
	d, fromCache := cache.load()
	if !fromCache {
		if d, err = decodeAll(s, o); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		d.captions = readCaptions(s)
		if err := cache.store(d); err != nil {
			s.Notes = append(s.Notes, fmt.Sprintf("decoded pictures were not kept for the next run: %v", err))
		}
	}
	return d.dataset(s, o, fromCache)
}

// decoded is what a source's items became: what the cache keeps.
type decoded struct {
	pixels   []uint8   // [len(items), S, S, C]
	failed   []failed  // by index
	captions *captions // nil if the source has none
}

type failed struct {
	Item   int    `json:"item"`
	Reason string `json:"reason"`
}

// decodeAll decodes every item into its own place, so that the result does not depend on the number of workers.
func decodeAll(s Source, o Options) (decoded, error) {
	type job struct {
		item int
		read Encoded
	}
	var (
		picture = o.picture()
		pixels  = make([]uint8, len(s.Items)*picture)
		reasons = make([]string, len(s.Items))
		seen    = make([]bool, len(s.Items))
		jobs    = make(chan job, o.Workers)
		wg      sync.WaitGroup
		mu      sync.Mutex
		done    int
	)
	for range o.Workers {
		wg.Go(func() {
			for j := range jobs {
				encoded, err := j.read()
				if err == nil {
					err = Decode(pixels[j.item*picture:(j.item+1)*picture], encoded, o.Size, o.Resize)
				}
				if err != nil {
					reasons[j.item] = err.Error()
				}
				mu.Lock()
				done++
				if o.Progress != nil {
					o.Progress(done, len(s.Items))
				}
				mu.Unlock()
			}
		})
	}
	err := s.Read(func(i int, e Encoded) bool {
		seen[i] = true
		jobs <- job{i, e}
		return true
	})
	close(jobs)
	wg.Wait()
	if err != nil {
		return decoded{}, err
	}
	d := decoded{pixels: pixels}
	for i, reason := range reasons {
		if !seen[i] {
			reason = "missing"
		}
		if reason != "" {
			d.failed = append(d.failed, failed{i, reason})
		}
	}
	return d, nil
}

// dataset closes the gaps that failed pictures leave and counts the rest.
func (d decoded) dataset(s Source, o Options, fromCache bool) (*Dataset, error) {
	ds := &Dataset{
		Size: o.Size, Channels: o.Channels, Classes: s.Classes, Pixels: d.pixels,
		Report: Report{
			Source:  fmt.Sprintf("%s: %s (%s, %d×%d)", s.Layout, s.Path, o.Split, o.Size, o.Size),
			Classes: s.Classes, Counts: make([]int, len(s.Classes)), Notes: s.Notes, FromCache: fromCache,
		},
	}
	told := &ds.Report.Captions
	if d.captions != nil {
		ds.Captions = [][]string{}
		*told = CaptionReport{Blank: d.captions.Blank, LeftOut: d.captions.LeftOut, Required: o.Captions, Orphans: s.Orphans}
	}
	picture, gaps := o.picture(), d.failed
	for i, item := range s.Items {
		if len(gaps) > 0 && gaps[0].Item == i {
			ds.Report.LeftOut = append(ds.Report.LeftOut, Problem{item.Name, gaps[0].Reason})
			gaps = gaps[1:]
			continue
		}
		if d.captions != nil {
			own := d.captions.Of[i]
			if len(own) == 0 {
				told.Uncaptioned = append(told.Uncaptioned, item.Name)
				if o.Captions {
					continue
				}
			}
			ds.Captions = append(ds.Captions, own)
			told.Total += len(own)
		}
		copy(ds.Pixels[len(ds.Labels)*picture:], d.pixels[i*picture:(i+1)*picture])
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
		return nil, fmt.Errorf("%s: %s: not an image we can decode (%s), and neither is any other of %d; replace them", s.Layout, left[0].Name, left[0].Reason, len(s.Items))
	}
}
