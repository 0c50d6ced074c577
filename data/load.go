package data

import (
	"errors"
	"fmt"
	"sync"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ram"
)

const maxMemory = 32 << 30 // bytes of decoded pictures; more is a size or a folder given by mistake

// ErrNoCaptions is wrapped by the error of [Load] if Options.Captions is set and no picture has a caption.
var ErrNoCaptions = errors.New("has no captions")

// Source is a list of pictures, for [Load].
type Source struct {
	Layout  string   // "pets", "folder", …: messages start with it
	Path    string   // the folder or file
	Classes []string // names of the classes
	Items   []Item   // the pictures
	Notes   []string // remarks for the report
	Read    Reader   // reads the encoded pictures
	Texts   Texts    // reads the captions; nil if there are none
	Orphans []string // captions without a picture, for the report
}

// Item is a picture of a [Source].
type Item struct {
	Name  string // unique in the source, relative to its path, with forward slashes
	Label int    // index into the classes
	Stamp string // changes when the picture or its captions do: size and time of their files
}

// Encoded returns an encoded picture.
type Encoded func() ([]byte, error)

// Reader yields every item of a source once, in any order: its index and a function that returns its bytes. The function is
// called by another goroutine, so it runs in parallel; if it returns an error, that picture is left out. An error of the
// Reader ends the load.
type Reader func(yield func(i int, e Encoded) bool) error

// Load decodes the pictures of a source, or reads them from the cache. Pictures that cannot be decoded are left out and
// named in the report; it is an error if none is left. Other errors: a [*fault.FieldError] for an option that is not
// allowed, [ErrNoCaptions], and a [*fault.OutOfMemory] if the decoded pictures do not fit in memory.
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
	need := product(len(s.Items), o.picture())
	if err := ram.Check(fmt.Sprintf("%s: %d pictures of %d×%d", what, len(s.Items), o.Size, o.Size), need); err != nil {
		return nil, err
	}
	if need > maxMemory {
		return nil, fmt.Errorf("%s: %d pictures of %d×%d need %d GB; choose a smaller picture size", what, len(s.Items), o.Size, o.Size, need>>30)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	cache := newCache(s, o)
	d, fromCache := cache.load()
	if !fromCache {
		if d, err = decodeAll(s, o); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		d.captions = readCaptions(s)
		if err := cache.store(d); err != nil {
			s.Notes = append(s.Notes, fmt.Sprintf("decoded pictures were not kept in the cache: %v", err))
		}
	}
	return d.dataset(s, o, fromCache)
}

// decoded are the decoded items of a source. The cache stores them.
type decoded struct {
	pixels   []uint8   // [len(items), S, S, C]
	failed   []failed  // by index
	captions *captions // nil if the source has none
}

type failed struct {
	Item   int    `json:"item"`
	Reason string `json:"reason"`
}

// check returns an error if the fields of a source contradict each other.
func (s *Source) check() error {
	if s.Read == nil {
		return errors.New("the source has no Read; give one")
	}
	for _, item := range s.Items {
		if item.Label < 0 || item.Label >= len(s.Classes) {
			return fmt.Errorf("%s: label %d is not one of %d classes; correct it", item.Name, item.Label, len(s.Classes))
		}
	}
	return nil
}

// decodeAll decodes every item to its own place, so that the result does not depend on the number of workers.
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
	for range min(o.Workers, len(s.Items)) {
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
		if i >= 0 && i < len(s.Items) && !seen[i] && e != nil {
			seen[i] = true
			jobs <- job{i, e}
		}
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

// dataset removes the failed pictures and counts the rest.
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
		return nil, fmt.Errorf("%s: %w", s.Layout, fault.Damaged(left[0].Name, "not an image we can decode (%s), and neither is any other of %d; replace them", left[0].Reason, len(s.Items)))
	}
}
