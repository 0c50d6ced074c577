package sample

// mailbox passes states to a function in a goroutine of its own. Only the latest state waits.
type mailbox struct {
	waiting chan Partial
	done    chan struct{}
}

func newMailbox(f func(Partial)) *mailbox {
	m := &mailbox{make(chan Partial, 1), make(chan struct{})}
	go func() {
		defer close(m.done)
		for p := range m.waiting {
			f(p)
		}
	}()
	return m
}

// put replaces the waiting state. A state with pictures isn't replaced by one without.
func (m *mailbox) put(p Partial) {
	select {
	case m.waiting <- p:
		return
	default:
	}
	select {
	case old := <-m.waiting:
		if p.Pictures == nil {
			p.Pictures = old.Pictures
		}
	default:
	}
	m.waiting <- p // there is room, as nobody else puts
}

// close waits until the function has got the last state.
func (m *mailbox) close() {
	close(m.waiting)
	<-m.done
}
