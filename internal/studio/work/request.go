// Package work turns requests into jobs: it checks them against the models of a run, estimates their memory, and draws.
package work

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net/http"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/nn/sampling"
)

// Request is what a client asks for. Which fields are used depends on Kind; another one that is set is an error.
type Request struct {
	Kind  string `json:"kind"` // generate, sample, walk, interpolate, reconstruct, density, nearest or detect
	Run   string `json:"run"`
	Model string `json:"model"` // generator, if the run has several

	Prompt  string   `json:"prompt"`
	Prompts []string `json:"prompts"`
	Class   string   `json:"class"`
	N       *int     `json:"n"`    // nil: 1
	Seed    *uint64  `json:"seed"` // nil: one is chosen

	Temperature *float64 `json:"temperature"`
	TopK        int      `json:"top_k"`
	TopP        float64  `json:"top_p"`
	Guidance    *float64 `json:"guidance"`
	Rank        int      `json:"rank"`
	Steps       int      `json:"steps"`
	Solver      string   `json:"solver"`
	Tolerance   float64  `json:"tolerance"`
	GuideFrom   float64  `json:"guidance_from"`
	GuideTo     float64  `json:"guidance_to"`
	Choice      *float64 `json:"choice"`
	Truncate    bool     `json:"truncate"`
	Prime       []byte   `json:"prime"` // an encoded picture
	PrimeRows   int      `json:"prime_rows"`
	Repaint     []int    `json:"repaint"`  // x, y, width and height of what of prime is drawn anew, in pixels of the generated pictures
	Previews    int      `json:"previews"` // states with pictures while they are drawn; −1: after each row, pass or step

	Latents bool      `json:"latents"` // answer with the latents of the pictures, too
	Latent  []float32 `json:"latent"`  // where a walk starts, instead of a picture of a class
	Sliders []float64 `json:"sliders"` // of a walk: standard deviations along the latent directions
	Spread  float64   `json:"spread"`  // of a walk: standard deviations of what is added to the sliders at random

	Pictures [][]byte `json:"pictures"`
	MinScore *float64 `json:"min_score"` // least score of a detection; nil: 0.5
	From     []byte   `json:"from"`
	To       []byte   `json:"to"`
	// FromSeed and ToSeed draw the ends of an interpolation, unless there are pictures.
	FromSeed  *uint64 `json:"from_seed"`
	ToSeed    *uint64 `json:"to_seed"`
	FromClass string  `json:"from_class"`
	ToClass   string  `json:"to_class"`
	Frames    *int    `json:"frames"` // nil: 12

	Body   bool `json:"-"` // the picture is the body of the request, not a field
	seeded bool // Seed was set by the client
}

// Limits of a request.
const (
	MaxPictures   = 64 // of a prompt or class
	maxCandidates = 256
	maxUploads    = 64
	maxFrames     = 64
)

// Desk makes jobs of requests.
type Desk struct {
	Library *library.Library
	Queue   *jobs.Queue
	open    chan struct{} // has a value for each request that opens a run and is checked, which takes memory
}

// NewDesk returns a desk.
func NewDesk(l *library.Library, q *jobs.Queue) *Desk {
	return &Desk{Library: l, Queue: q, open: make(chan struct{}, 64)}
}

// kinds are the kinds of jobs and the fields that each uses.
var kinds = map[string]struct {
	make   func(d *Desk, b *library.Book, r *Request) (jobs.Task, error)
	fields string
}{
	"generate":    {(*Desk).generate, "model prompt prompts n seed temperature top_k top_p guidance rank steps solver tolerance guidance_from guidance_to choice truncate prime prime_rows repaint previews"},
	"sample":      {(*Desk).sample, "class n seed temperature guidance rank latents"},
	"walk":        {(*Desk).walk, "class n seed temperature latent from latents sliders spread"},
	"interpolate": {(*Desk).interpolate, "from to from_seed to_seed from_class to_class frames temperature"},
	"reconstruct": {(*Desk).reconstruct, "pictures"},
	"density":     {(*Desk).density, "pictures"},
	"nearest":     {(*Desk).nearest, "pictures"},
	"detect":      {(*Desk).detect, "pictures min_score"},
}

// Task checks a request and returns the job for it.
func (d *Desk) Task(ctx context.Context, r Request) (jobs.Task, error) {
	kind, ok := kinds[r.Kind]
	if !ok {
		return jobs.Task{}, problem.Wrong("kind", "must be generate, sample, walk, interpolate, reconstruct, density, nearest or detect")
	}
	if err := r.only(strings.Fields(kind.fields)); err != nil {
		return jobs.Task{}, err
	}
	if r.Run == "" {
		names := d.Library.Names()
		if len(names) != 1 {
			return jobs.Task{}, problem.Wrong("run", "must name a run; the server has %d", len(names))
		}
		r.Run = names[0]
	}
	n := r.count()
	if n < 1 || n > MaxPictures {
		return jobs.Task{}, problem.Wrong("n", "must be from 1 to %d", MaxPictures)
	}
	if r.Rank != 0 && (r.Rank < n || r.Rank > maxCandidates) {
		return jobs.Task{}, problem.Wrong("rank", "must be from n, which is %d, to %d, or 0 to draw n", n, maxCandidates)
	}
	select {
	case d.open <- struct{}{}:
		defer func() { <-d.open }()
	case <-ctx.Done():
		return jobs.Task{}, ctx.Err()
	}
	b, err := d.Library.Open(ctx, r.Run)
	if err != nil {
		return jobs.Task{}, err
	}
	if r.seeded = r.Seed != nil; !r.seeded {
		r.Seed = new(uint64)
		*r.Seed = RandomSeed()
	}
	t, err := kind.make(d, b, &r)
	t.Kind = r.Kind
	return t, err
}

// Submit makes a job that runs without the caller.
func (d *Desk) Submit(ctx context.Context, r Request) (*jobs.Job, error) {
	t, err := d.Task(ctx, r)
	if err != nil {
		return nil, err
	}
	return d.Queue.Submit(t)
}

// Do makes a job and waits for it.
func (d *Desk) Do(ctx context.Context, r Request, watch func(jobs.View) error) (jobs.View, error) {
	t, err := d.Task(ctx, r)
	if err != nil {
		return jobs.View{}, err
	}
	return d.Queue.Do(ctx, t, watch)
}

// only returns an error for a field that is set and isn't used.
func (r *Request) only(used []string) error {
	set := map[string]bool{
		"model": r.Model != "", "prompt": r.Prompt != "", "prompts": r.Prompts != nil, "class": r.Class != "", "n": r.N != nil, "seed": r.Seed != nil,
		"temperature": r.Temperature != nil, "top_k": r.TopK != 0, "top_p": r.TopP != 0, "guidance": r.Guidance != nil, "rank": r.Rank != 0,
		"steps": r.Steps != 0, "solver": r.Solver != "", "tolerance": r.Tolerance != 0, "guidance_from": r.GuideFrom != 0, "guidance_to": r.GuideTo != 0, "choice": r.Choice != nil, "truncate": r.Truncate,
		"prime": r.Prime != nil, "prime_rows": r.PrimeRows != 0, "repaint": r.Repaint != nil, "previews": r.Previews != 0, "latents": r.Latents, "latent": r.Latent != nil, "sliders": r.Sliders != nil, "spread": r.Spread != 0,
		"pictures": r.Pictures != nil, "min_score": r.MinScore != nil, "from": r.From != nil, "to": r.To != nil, "from_seed": r.FromSeed != nil, "to_seed": r.ToSeed != nil,
		"from_class": r.FromClass != "", "to_class": r.ToClass != "", "frames": r.Frames != nil,
	}
	for _, name := range used {
		delete(set, name)
	}
	for name, is := range set {
		if is {
			return problem.Wrong(name, "has no use in a job of kind %s; leave it out", r.Kind)
		}
	}
	return nil
}

// count is the number of pictures to draw for a prompt or of a class.
func (r *Request) count() int {
	if r.N == nil {
		return 1
	}
	return *r.N
}

// sampling are the options of sampling, with defaults where the request has none.
func (r *Request) sampling(defaults sampling.Options) *sampling.Options {
	o := defaults
	if r.Temperature != nil {
		o.Temperature = *r.Temperature
	}
	if r.Guidance != nil {
		o.Guidance = *r.Guidance
	}
	o.TopK, o.TopP = r.TopK, r.TopP
	return &o
}

// RandomSeed returns a seed that JavaScript can hold.
func RandomSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:]) >> 32
}

// noFlow is the error for a run without a flow.
func noFlow(b *library.Book) error {
	return problem.At(http.StatusNotFound, "kind", "run %q has no flow", b.Name)
}
