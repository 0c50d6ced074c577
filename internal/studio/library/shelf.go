package library

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
)

// Book is an open run. Requests share its weights.
type Book struct {
	Name     string
	Text     *sample.TextToImage // nil: the run has no text-to-image models
	Flow     *sample.Flow        // nil: the run has no flow, or several
	Detector *sample.Detector    // nil: the run has no detector
	Walk     any                 // what package work computes once for the flow

	mu sync.Mutex // for Walk
}

// Lock locks Walk.
func (b *Book) Lock() { b.mu.Lock() }

// Unlock unlocks Walk.
func (b *Book) Unlock() { b.mu.Unlock() }

// shelf has the open runs.
type shelf struct {
	mu   sync.Mutex
	open []*slot // the latest used last
}

// slot is a place of an open run.
type slot struct {
	name, stamp string
	ready       chan struct{}
	book        *Book
	err         error
}

// maxOpen is the number of runs that are open at a time.
const maxOpen = 4

// Open returns a run, opened. It loads the models at the first call, and again after a training has changed them.
func (l *Library) Open(ctx context.Context, name string) (*Book, error) {
	dir, err := l.Path(name)
	if err != nil {
		return nil, err
	}
	stamp := stampOf(dir)
	s, first := l.shelf.slot(name, stamp)
	if first {
		go func() { // goes on if this caller is gone: others may wait
			s.book, s.err = l.load(context.WithoutCancel(ctx), name, dir)
			if s.err != nil {
				l.shelf.remove(s)
			}
			close(s.ready)
		}()
	}
	select {
	case <-s.ready:
		return s.book, s.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *shelf) slot(name, stamp string) (_ *slot, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.open, func(o *slot) bool { return o.name == name && o.stamp == stamp })
	if i >= 0 {
		own := s.open[i]
		s.open = append(slices.Delete(s.open, i, i+1), own)
		return own, false
	}
	s.open = slices.DeleteFunc(s.open, func(o *slot) bool { return o.name == name })
	if len(s.open) >= maxOpen {
		s.open = slices.Delete(s.open, 0, 1)
	}
	own := &slot{name: name, stamp: stamp, ready: make(chan struct{})}
	s.open = append(s.open, own)
	return own, true
}

func (s *shelf) remove(own *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = slices.DeleteFunc(s.open, func(o *slot) bool { return o == own })
}

// stampOf changes when a training commits new weights.
func stampOf(dir string) (stamp string) {
	for _, name := range []string{"manifest.json", "config.json"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
			stamp += fmt.Sprint(info.ModTime().UnixNano(), info.Size(), " ")
		}
	}
	return stamp
}

// load opens the pipelines of a run.
func (l *Library) load(ctx context.Context, name, dir string) (*Book, error) {
	if about := l.describe(name, dir); about.Problem != "" {
		return nil, problem.New(http.StatusConflict, "run %q is damaged: %s", name, about.Problem)
	}
	r, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	b := &Book{Name: name}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, r.HasWeights)
	}
	text := append([]string{models.DALLE.Name, models.MaskGIT.Name, models.Rectified.Name, models.CLIP.Name}, models.Codecs()...)
	if has(text...) {
		if b.Text, err = sample.OpenTextToImage(ctx, dir, l.device); err != nil {
			return nil, l.damaged(dir, name, err)
		}
	}
	flows := []string{models.Flow.Name, models.TarFlow.Name}
	flow := r.First(flows)
	if has(flows...) || b.Text == nil && has(models.Autoencoder.Name, models.KL.Name) {
		if b.Flow, err = sample.OpenFlowModel(ctx, dir, flow, l.device); err != nil {
			return nil, l.damaged(dir, name, err)
		}
	}
	if has(models.Detectors()...) {
		if b.Detector, err = sample.OpenDetector(ctx, dir, l.device); err != nil {
			return nil, l.damaged(dir, name, err)
		}
	}
	if b.Text == nil && b.Flow == nil && b.Detector == nil {
		return nil, problem.New(http.StatusConflict, "run %q has no models of pictures yet", name)
	}
	return b, nil
}

// damaged returns the error for a run that can't be opened. Unless it is for want of memory or time, the run is listed so from now
// on.
func (l *Library) damaged(dir, name string, err error) error {
	var memory *fault.OutOfMemory
	if !errors.As(err, &memory) && !errors.Is(err, context.DeadlineExceeded) {
		l.seen.damaged(dir, l.hide(dir, name, err))
	}
	return problem.New(http.StatusConflict, "run %q can't be opened: %s", name, l.hide(dir, name, err))
}

// Generators returns the names of a run's generators, without opening it: those for prompts, and its flows.
func (l *Library) Generators(name string) (text, flows []string) {
	dir, err := l.Path(name)
	if err != nil {
		return nil, nil
	}
	d := l.describe(name, dir)
	return d.text, d.flows
}

func generators(dir string) (text, flows []string) {
	all, err := sample.Generators(dir)
	if err != nil {
		return nil, nil
	}
	for _, g := range all {
		if g == models.Flow.Name || g == models.TarFlow.Name {
			flows = append(flows, g)
		} else {
			text = append(text, g)
		}
	}
	return text, flows
}
