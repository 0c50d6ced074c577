//go:build linux && (amd64 || arm64) && !nocuda

package emulator

import "fmt"

// stream is a sequence of work. Work runs only when the program waits for it, and no more than that. So an order that no event
// and no wait imposes isn't kept.
type stream struct {
	tasks []task // from number done on
	done  int

	capturing *graph // receives the launches, if not nil
}

// task is work, or a wait for work of another stream.
type task struct {
	run   func() error
	other *stream
	until int
}

// event is a position in a stream: after all tasks before number at.
type event struct {
	stream *stream
	at     int
}

func (s *stream) add(t task) { s.tasks = append(s.tasks, t) }

// end returns the number of tasks queued so far.
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

// launch is a launch of a kernel.
type launch struct {
	kernel      *loaded
	grid, block [3]uint32
	shared      uint32
	params      []byte
}

// graph is a list of launches, captured or instantiated. Nodes have consecutive handles.
type graph struct {
	first    uintptr
	launches []launch
}
