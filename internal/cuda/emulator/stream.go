//go:build linux && (amd64 || arm64) && !nocuda

package emulator

import "fmt"

// stream is work in order. Nothing runs before somebody waits for it, and then no more than what is waited for: whoever
// relies on an order that no event or wait imposes, finds that it isn't kept.
type stream struct {
	tasks []task // from number done on
	done  int

	capturing *graph // gets the launches while it isn't nil
}

// task is work, or waiting for some work of another stream.
type task struct {
	run   func() error
	other *stream
	until int
}

// event is a place in a stream: all tasks before number at.
type event struct {
	stream *stream
	at     int
}

func (s *stream) add(t task) { s.tasks = append(s.tasks, t) }

// end is the number of tasks that there have been.
func (s *stream) end() int { return s.done + len(s.tasks) }

// reach runs the tasks before number until.
func (s *stream) reach(until int) error {
	for s.done < until {
		t := s.tasks[0]
		s.tasks = s.tasks[1:]
		s.done++
		if t.other != nil {
			if err := t.other.reach(t.until); err != nil {
				return err
			}
		} else if err := guarded(t.run); err != nil {
			return err
		}
	}
	return nil
}

// guarded turns a panic into an error.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return f()
}

// launch is a kernel with all that it is launched with.
type launch struct {
	kernel      *loaded
	grid, block [3]uint32
	shared      uint32
	params      []byte
}

// graph is a list of launches, and as such also what is made of it to be launched. Nodes are named by numbers above that
// of the first.
type graph struct {
	first    uintptr
	launches []launch
}
