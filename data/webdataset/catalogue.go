package webdataset

import (
	"context"
	"fmt"
	"os"

	"github.com/bestiary-ml/bestiary/data"
)

// catalogue lists the content of archives.
type catalogue struct {
	columns         columns
	archives        []*archive
	members         int            // files of all archives
	bytes           int            // of all captions
	present, unused map[string]int // by column: files, and files that are neither picture nor caption of their sample
	bare, twice     []string       // samples without picture and caption; files that are there twice
	notes           []string
	empty           []string        // pictures of no bytes
	context         context.Context // ends the walk; may be nil
}

type archive struct {
	path, prefix string // names start with prefix
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

// part is the member with a sample's picture or captions.
type part struct {
	column  int // index in the list of columns, −1: there is none
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
		if c.context != nil && c.context.Err() != nil {
			return contentError{c.context.Err()}
		}
		p := samples[m.key]
		if p == nil {
			p = &sample{key: m.key, archive: a, picture: part{column: -1}, text: part{column: -1}}
			samples[m.key] = p
			a.samples = append(a.samples, p)
		}
		if c.members++; c.members > maxMembers {
			return contentError{fmt.Errorf("is more than %d files; use fewer archives", maxMembers)}
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

// take adds a member to a sample, if its column is wanted and the sample has none of a preferred column.
func (c *catalogue) take(p *sample, m member, prefix string) error {
	to, list := &p.picture, c.columns.images
	at := position(list, m.column)
	if at < 0 {
		to, list = &p.text, c.columns.texts
		at = position(list, m.column)
	}
	switch {
	case at >= 0 && at == to.column:
		c.twice = append(c.twice, prefix+m.name)
		return nil
	case at < 0 || to.column >= 0 && to.column < at:
		c.unused[m.column]++
		return nil
	case to.column >= 0:
		c.unused[list[to.column].name]++
	}
	if to == &p.picture && m.size == 0 {
		c.empty = append(c.empty, prefix+m.name)
		return nil
	}
	*to = part{column: at, number: m.number, name: m.name}
	if to == &p.picture {
		return nil
	}
	var fatal error
	if to.content, to.err, fatal = m.read(data.MaxText); fatal != nil {
		return fatal
	}
	if c.bytes += len(to.content); c.bytes > maxTexts {
		return contentError{fmt.Errorf("is more than %d GB of captions; use fewer archives", maxTexts>>30)}
	}
	if to.err == nil {
		to.content, to.err = list[at].text(to.content)
	}
	return nil
}

// read is the Reader of the source: it walks the archives again, for the pictures.
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
			if err != nil {
				err = &data.Unusable{Reason: err.Error()}
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
