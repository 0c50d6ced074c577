package sample

import "sync"

// mailbox passes states to a function in a goroutine of its own. A few states wait: one without pictures is replaced by the
// next, and beyond maxStates the oldest is dropped.
type mailbox struct {
	mu      sync.Mutex
	waiting []Partial
	wake    chan struct{} // has a value when states wait
	done    chan struct{}
}

// maxStates is the number of states that wait: three with pictures aren't lost, however fast they follow.
const maxStates = 4

func newMailbox(f func(Partial)) *mailbox {
	m := &mailbox{wake: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(m.done)
		for range m.wake {
			for {
				p, ok := m.take()
				if !ok {
					break
				}
				f(p)
			}
		}
	}()
	return m
}

// take removes the oldest state.
func (m *mailbox) take() (p Partial, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 {
		return p, false
	}
	p, m.waiting = m.waiting[0], m.waiting[1:]
	return p, true
}

// put adds a state.
func (m *mailbox) put(p Partial) {
	m.mu.Lock()
	if n := len(m.waiting); n > 0 && m.waiting[n-1].Pictures == nil {
		m.waiting = m.waiting[:n-1]
	}
	m.waiting = append(m.waiting, p)
	if len(m.waiting) > maxStates {
		m.waiting = append([]Partial(nil), m.waiting[1:]...)
	}
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// close waits until the function has got the last state.
func (m *mailbox) close() {
	close(m.wake)
	<-m.done
}
