package comm

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"
)

// A roll call is as the start of [Place.Share]: rank 0 says who it is, and a rank says its number. Then rank 0 keeps the connection until
// it knows who is missing, and says that.

var callGreetings = greeting([]byte("bestiary here? 1"))

type here struct {
	Greeting   greeting
	Size, Rank uint32
}

// Absent returns the ranks that don't answer, for ranks that can't exchange anything else any more: those that call it meet at
// p.Address. Rank 0 waits for the others for half of the time that the context leaves, as they may have begun earlier. If it doesn't come
// itself, it is the one that the others miss.
func (p Place) Absent(ctx context.Context) []int {
	host, ports, err := p.meeting()
	if err != nil {
		return nil
	}
	if p.Rank > 0 {
		return p.answerCall(ctx, host, ports)
	}
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	return p.callRoll(ctx, host, ports)
}

// callRoll is rank 0's part.
func (p Place) callRoll(ctx context.Context, host string, ports []string) (missing []int) {
	l, err := listen(ctx, host, ports)
	if err != nil {
		return nil // nobody is known to be missing
	}
	var mutex sync.Mutex
	present := map[int]net.Conn{}
	all := make(chan struct{})
	var calls sync.WaitGroup
	calls.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			calls.Go(func() {
				rank, ok := p.heard(c)
				mutex.Lock()
				defer mutex.Unlock()
				if before := present[rank]; !ok || before != nil {
					_ = c.Close()
					return
				}
				if present[rank] = c; len(present) == p.Size-1 {
					close(all)
				}
			})
		}
	})
	select {
	case <-all:
	case <-ctx.Done():
	}
	_ = l.Close()
	calls.Wait()
	for rank := 1; rank < p.Size; rank++ {
		if present[rank] == nil {
			missing = append(missing, rank)
		}
	}
	answer := []uint32{uint32(len(missing))} // #nosec G115 -- below maxRanks
	for _, rank := range missing {
		answer = append(answer, uint32(rank)) // #nosec G115 -- below maxRanks
	}
	for _, c := range present {
		if c.SetDeadline(time.Now().Add(reply)) == nil {
			_ = binary.Write(c, binary.BigEndian, answer) // a rank that is gone since is missed at the next failure
		}
		_ = c.Close()
	}
	return missing
}

// heard reads which rank a connection is from.
func (p Place) heard(c net.Conn) (rank int, ok bool) {
	var h here
	ok = c.SetDeadline(time.Now().Add(reply)) == nil && binary.Write(c, binary.BigEndian, callGreetings) == nil &&
		binary.Read(c, binary.BigEndian, &h) == nil && h.Greeting == callGreetings
	rank = int(h.Rank)
	return rank, ok && int(h.Size) == p.Size && rank > 0 && rank < p.Size
}

// answerCall is the part of the other ranks. They ask again and again until rank 0 is there.
func (p Place) answerCall(ctx context.Context, host string, ports []string) []int {
	for {
		for _, port := range ports {
			if missing, ok := p.ask(ctx, net.JoinHostPort(host, port)); ok {
				return missing
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return []int{0}
		}
	}
}

// ask tells rank 0 at an address that this rank is there, and waits for what it says.
func (p Place) ask(ctx context.Context, at string) (missing []int, ok bool) {
	c, err := (&net.Dialer{Timeout: reply}).DialContext(ctx, "tcp", at)
	if err != nil {
		return nil, false
	}
	defer func() { _ = c.Close() }()
	var g greeting
	if c.SetDeadline(time.Now().Add(reply)) != nil {
		return nil, false
	}
	if _, err := io.ReadFull(c, g[:]); err != nil || g != callGreetings {
		return nil, false
	}
	if binary.Write(c, binary.BigEndian, here{callGreetings, uint32(p.Size), uint32(p.Rank)}) != nil { // #nosec G115 -- below maxRanks
		return nil, false
	}
	if end, limited := ctx.Deadline(); limited && c.SetDeadline(end) != nil {
		return nil, false
	}
	var n uint32
	if binary.Read(c, binary.BigEndian, &n) != nil || int(n) >= p.Size {
		return nil, false
	}
	ranks := make([]uint32, n)
	if binary.Read(c, binary.BigEndian, ranks) != nil {
		return nil, false
	}
	for _, rank := range ranks {
		missing = append(missing, int(rank))
	}
	return missing, true
}
