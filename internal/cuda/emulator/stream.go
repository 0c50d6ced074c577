//go:build linux && (amd64 || arm64) && !nocuda

package emulator

import "fmt"

// stream is a sequence of work. Work runs only when the program waits for it, and no more than that. So an order that no event
// and no wait imposes isn't kept.
type stream struct {
	tasks []task // from number done on
	done  int
	ended <-chan struct{} // closed when the first of them, of another library, has ended; nil: it hasn't begun

	capturing *graph // receives the launches, if not nil
}

// task is work, a wait for work of another stream, or work of another library, which goes on by itself once it has begun.
type task struct {
	run   func() error
	other *stream
	until int
	begin func() (ended <-chan struct{})
}

// event is a position in a stream: after all tasks before number at.
type event struct {
	stream *stream
	at     int
}

func (s *stream) add(t task) { s.tasks = append(s.tasks, t) }

// end returns the number of tasks queued so far.
func (s *stream) end() int { return s.done + len(s.tasks) }

// busy begins the next task if it is one of another library, and reports whether it goes on.
func (s *stream) busy() bool {
	if len(s.tasks) == 0 || s.tasks[0].begin == nil {
		return false
	}
	if s.ended == nil {
		s.ended = s.tasks[0].begin()
	}
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// reach runs the tasks before number until.
func (s *stream) reach(until int) error {
	for s.done < until {
		t := s.tasks[0]
		if s.busy() {
			<-s.ended
		}
		s.ended = nil
		s.tasks = s.tasks[1:]
		s.done++
		if t.begin != nil {
			continue
		}
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
