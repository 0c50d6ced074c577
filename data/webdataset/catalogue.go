package webdataset

import (
	"fmt"
	"os"

	"github.com/bestiary-ml/bestiary/data"
)

// catalogue is what archives hold.
type catalogue struct {
	columns         columns
	archives        []*archive
	members, bytes  int            // of all archives; of the captions
	present, unused map[string]int // files of each column; those that are neither picture nor caption of their sample
	bare, twice     []string       // samples without either; files there before
	notes           []string
}

type archive struct {
	path, prefix string // prefix tells the archive apart in names
	stamp        string
	samples      []*sample
	wanted       map[int]wanted // by number of the member
}

// wanted is a member to decode.
type wanted struct {
	item int
	name string
}

type sample struct {
	key           string
	archive       *archive
	picture, text part
}

// part is the member that a sample's picture or captions are in.
type part struct {
	rank    int // in the list of columns, −1: there is none
	number  int
	name    string
	content []byte // of captions
	err     error
}

func newCatalogue(c columns) *catalogue {
	return &catalogue{columns: c, present: map[string]int{}, unused: map[string]int{}}
}

// add lists the samples of an archive, and reads their captions.
func (c *catalogue) add(path, prefix string) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("%s: is not a file that can be read; check it and its permissions", path)
	}
	a := &archive{path: path, prefix: prefix, stamp: data.Stamp(info), wanted: map[int]wanted{}}
	samples := map[string]*sample{}
	notes, err := members(path, func(m member) error {
		p := samples[m.key]
		if p == nil {
			p = &sample{key: m.key, archive: a, picture: part{rank: -1}, text: part{rank: -1}}
			samples[m.key] = p
			a.samples = append(a.samples, p)
		}
		if c.members++; c.members > maxMembers {
			return fault{fmt.Errorf("is more than %d files; use fewer archives", maxMembers)}
		}
		c.present[m.column]++
		return c.take(p, m, prefix)
	})
	if err != nil {
		return err
	}
	c.archives = append(c.archives, a)
	c.notes = append(c.notes, notes...)
	return nil
}

// take gives a sample a member, if the column is wanted and the sample has none that is preferred.
func (c *catalogue) take(p *sample, m member, prefix string) error {
	to, list := &p.picture, c.columns.images
	at := rank(list, m.column)
	if at < 0 {
		to, list = &p.text, c.columns.texts
		at = rank(list, m.column)
	}
	switch {
	case at >= 0 && at == to.rank:
		c.twice = append(c.twice, prefix+m.name)
		return nil
	case at < 0 || to.rank >= 0 && to.rank < at:
		c.unused[m.column]++
		return nil
	case to.rank >= 0:
		c.unused[list[to.rank].name]++
	}
	*to = part{rank: at, number: m.number, name: m.name}
	if to == &p.picture {
		return nil
	}
	var fatal error
	if to.content, to.err, fatal = m.read(data.MaxText); fatal != nil {
		return fatal
	}
	if c.bytes += len(to.content); c.bytes > maxTexts {
		return fault{fmt.Errorf("is more than %d GB of captions; use fewer archives", maxTexts>>30)}
	}
	if to.err == nil {
		to.content, to.err = list[at].text(to.content)
	}
	return nil
}

// read is the source's reader: it walks the archives again, now for the pictures.
func (c *catalogue) read(yield func(int, data.Encoded) bool) error {
	for _, a := range c.archives {
		_, err := members(a.path, func(m member) error {
			w, ok := a.wanted[m.number]
			if !ok || w.name != m.name {
				return nil
			}
			encoded, err, fatal := m.read(maxPicture)
			if fatal != nil {
				return fatal
			}
			if !yield(w.item, func() ([]byte, error) { return encoded, err }) {
				return errStop
			}
			return nil
		})
		if err == errStop {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
