package library

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// description is what is known about a run without opening it.
type description struct {
	Run
	text, flows []string // its generators
}

// seen remembers folders and descriptions, which every request asks for.
type seen struct {
	mu      sync.Mutex
	folders map[string]string
	looked  time.Time
	known   map[string]known
}

// known is a description and what its files were like.
type known struct {
	stamp string
	description
}

// fresh is how long a list of folders is used.
const fresh = 300 * time.Millisecond

// list returns the folders that look finds. The caller must not change them.
func (s *seen) list(look func() map[string]string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folders == nil || time.Since(s.looked) > fresh {
		s.folders, s.looked = look(), time.Now()
		for dir := range s.known { // of runs that are gone
			if _, err := os.Stat(dir); err != nil {
				delete(s.known, dir)
			}
		}
	}
	return s.folders
}

// describe returns the description of a folder, from read if a file has changed.
func (s *seen) describe(dir string, read func() description) description {
	stamp := filesOf(dir)
	s.mu.Lock()
	k, ok := s.known[dir]
	s.mu.Unlock()
	if ok && k.stamp == stamp {
		return k.description
	}
	d := read()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]known{}
	}
	s.known[dir] = known{stamp, d}
	return d
}

// damaged notes what is wrong with a folder, until one of its files changes.
func (s *seen) damaged(dir, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.known[dir]; ok {
		k.Problem, k.text, k.flows = what, nil, nil
		s.known[dir] = k
	}
}

// filesOf changes when a file of a run does.
func filesOf(dir string) string {
	var b strings.Builder
	entries, _ := os.ReadDir(dir) // a folder that can't be read has none
	for _, e := range entries {
		if info, err := e.Info(); err == nil && !e.IsDir() {
			fmt.Fprintln(&b, e.Name(), info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String()
}
