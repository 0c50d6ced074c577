package sample

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
)

// joint is a call of GenerateTogether.
type joint struct {
	*TextToImage
	members []*member
}

// member is a request of a joint.
type member struct {
	Together
	*job
	outcome *Outcome
	chosen  chosen
	mail    *mailbox
	drawn   int // pictures
}

// over notes why a request is not drawn any further.
func (m *member) over(ctx context.Context) bool {
	if m.outcome.Err == nil {
		m.outcome.Err = cmp.Or(ctx.Err(), m.Context.Err())
	}
	return m.outcome.Err != nil
}

// begin checks the requests, and encodes the pictures that they begin with.
func (t *joint) begin(ctx context.Context) {
	var key any
	for _, m := range t.members {
		_, err := exclusive(ctx, t.device, func() (struct{}, error) {
			if m.Options.Rows != nil || m.Options.Batch != 0 {
				return struct{}{}, fault.Field("Batch", m.Options.Batch, "must be left out, like Rows, as requests are drawn together; set Partial instead")
			}
			var err error
			if m.job, err = t.newJob(m.Context, m.Options); err != nil {
				return struct{}{}, err
			}
			own := fmt.Sprint(m.options.Model, m.plan.key())
			if key == nil {
				key = own
			} else if key != own {
				return struct{}{}, errors.New("the request can't be drawn together with the first one; draw requests with equal keys together")
			}
			return struct{}{}, m.plan.prepare(m.Context)
		})
		m.outcome.Err = err
	}
}

// item is picture number index of a member.
type item struct {
	*member
	index int
}

// parts divides all pictures into parts that are drawn together.
func (t *joint) parts() [][]item {
	var all []item
	for _, m := range t.members {
		if m.outcome.Err != nil {
			continue
		}
		for i := range m.total() {
			all = append(all, item{m, i})
		}
	}
	return slices.Collect(slices.Chunk(all, MaxTogether))
}

// drawOrDivide draws a part. If that fails, it draws the pictures of each request alone, so that a request fails by itself.
func (t *joint) drawOrDivide(ctx context.Context, part []item) {
	part = slices.DeleteFunc(part, func(i item) bool { return i.over(ctx) })
	if len(part) == 0 {
		return
	}
	err := t.draw(ctx, part)
	if err == nil {
		return
	}
	var each [][]item
	for i, one := range part {
		if i == 0 || one.member != part[i-1].member {
			each = append(each, nil)
		}
		each[len(each)-1] = append(each[len(each)-1], one)
	}
	if len(each) == 1 {
		if !part[0].over(ctx) {
			part[0].outcome.Err = err
		}
		return
	}
	for _, own := range each {
		t.drawOrDivide(ctx, own)
	}
}

// draw draws the pictures of a part and adds them to their members.
func (t *joint) draw(ctx context.Context, part []item) error {
	ctx, cancel := t.whileWanted(ctx, part)
	defer cancel()
	pictures := make([]Generated, len(part))
	requests := make([]request, len(part))
	for i, one := range part {
		pictures[i], requests[i] = one.picture(one.index)
	}
	_, err := exclusive(ctx, t.device, func() (_ struct{}, err error) {
		engine.Uniform(t.device, func() { err = t.compute(ctx, part, pictures, requests) })
		return struct{}{}, err
	})
	if err != nil {
		return err
	}
	for i, one := range part {
		one.chosen.add(one.job, pictures[i:i+1])
		one.drawn++
	}
	return nil
}

// compute draws and scores pictures. On a device whose rounding depends on the number of pictures, that number is always
// the same.
func (t *joint) compute(ctx context.Context, part []item, pictures []Generated, requests []request) error {
	drawn := pictures
	if engine.Kernels(t.device).Features().UniformRows == nil {
		drawn = slices.Clone(pictures)
		for len(drawn) < MaxTogether {
			more, r := part[0].picture(part[0].index)
			drawn, requests = append(drawn, more), append(requests, r)
		}
	}
	report := func(s state) { t.report(ctx, part, drawn, s) }
	if err := part[0].plan.draw(ctx, drawn, requests, report); err != nil {
		return err
	}
	copy(pictures, drawn)
	if t.models.CLIP != nil {
		return t.score(ctx, pictures)
	}
	return nil
}

// whileWanted returns a context that ends with ctx, or once nobody wants a picture of the part any more.
func (t *joint) whileWanted(parent context.Context, part []item) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	var seen []*member
	for _, one := range part {
		if !slices.Contains(seen, one.member) {
			seen = append(seen, one.member)
		}
	}
	go func() {
		for _, m := range seen {
			select {
			case <-m.Context.Done():
			case <-ctx.Done():
				return
			}
		}
		cancel()
	}()
	return ctx, cancel
}

// report passes the state of a part to the members that have a Partial.
func (t *joint) report(ctx context.Context, part []item, pictures []Generated, s state) {
	for from := 0; from < len(part); {
		m, to := part[from].member, from+1
		for to < len(part) && part[to].member == m {
			to++
		}
		if m.mail != nil && m.Context.Err() == nil {
			units := m.plan.units()
			state := Partial{Done: m.drawn*units + s.units*(to-from), Total: m.total() * units}
			if m.due(s.units, units) {
				images, err := s.images(ctx, from, to)
				if err == nil { // otherwise drawing fails, too
					state.Pictures = partial(pictures[from:to], images)
				}
			}
			m.mail.put(state)
		}
		from = to
	}
}

// due reports whether pictures are to be decoded when some of all units are done.
func (m *member) due(done, all int) bool {
	switch {
	case m.Images < 0:
		return done < all
	case m.Images == 0 || done >= all:
		return false
	}
	return done*(m.Images+1)/all > (done-1)*(m.Images+1)/all
}

func partial(pictures []Generated, images []*image.NRGBA) []Generated {
	all := slices.Clone(pictures)
	for i := range all {
		all[i].Image, all[i].Codes = images[i], nil
	}
	return all
}
