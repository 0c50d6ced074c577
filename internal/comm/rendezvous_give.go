package comm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// guests are the ranks that rank 0 waits for.
type guests struct {
	place   Place
	version versionText
	token   Token

	mutex     sync.Mutex
	processes map[uint32]uint64 // by rank; those that have been answered
	have      map[uint32]bool   // ranks that have the token
	strangers int               // connections of other programs
}

// give answers the other ranks until all have the token.
func (p Place) give(ctx context.Context, host string, ports []string, version versionText, token Token) error {
	l, err := listen(ctx, host, ports)
	if err != nil {
		return fmt.Errorf("rank 0 can't listen for the other ranks: %w; choose another MASTER_PORT, or end the program that uses it", err)
	}
	g := &guests{place: p, version: version, token: token, processes: map[uint32]uint64{}, have: map[uint32]bool{}}
	var calls sync.WaitGroup
	defer calls.Wait()
	defer func() { _ = l.Close() }()
	events := make(chan error) // nil: a rank has the token
	done := make(chan struct{})
	defer close(done)
	calls.Go(func() {
		places := make(chan struct{}, p.Size+strangersAtOnce)
		for {
			places <- struct{}{}
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			calls.Go(func() {
				defer func() { <-places }()
				got, err := g.receive(c)
				if !got && err == nil {
					return
				}
				select {
				case events <- err:
				case <-done:
				}
			})
		}
	})
	for {
		select {
		case err := <-events:
			if err != nil {
				return err
			}
			if g.missing() == nil {
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("rank 0 waits at %v for %s of %d%s: %w; start all ranks, see that MASTER_ADDR names this machine, and open the port",
				l.Addr(), list(g.missing()), p.Size, g.others(), ctx.Err())
		}
	}
}

// strangersAtOnce is how many connections beyond those of the ranks may be open.
const strangersAtOnce = 16

// listen listens at the first port that is free: at the host's address or, if that is not one of this machine's own, as behind a
// network's translation of addresses, at all.
func listen(ctx context.Context, host string, ports []string) (net.Listener, error) {
	var failures []error
	for _, port := range ports {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			l, err = new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("", port))
		}
		if err == nil {
			return l, nil
		}
		failures = append(failures, err)
	}
	return nil, failures[0]
}

// receive answers a connection. got says whether a rank has the token now; an error is one that ends the start of all ranks.
func (g *guests) receive(c net.Conn) (got bool, err error) {
	defer func() { _ = c.Close() }()
	var h hello
	if c.SetDeadline(time.Now().Add(reply)) != nil || binary.Write(c, binary.BigEndian, greetings) != nil ||
		binary.Read(c, binary.BigEndian, &h) != nil || h.Greeting != greetings {
		g.mutex.Lock()
		g.strangers++
		g.mutex.Unlock()
		return false, nil
	}
	a := answer{Size: uint32(g.place.Size), Version: g.version} // #nosec G115 -- below maxRanks
	a.Verdict, err = g.judge(h, c.RemoteAddr())
	if a.Verdict == welcome {
		a.Token = g.token
	}
	read := make([]byte, 1)
	if binary.Write(c, binary.BigEndian, a) == nil {
		if n, _ := c.Read(read); n == 1 && a.Verdict == welcome {
			g.mutex.Lock()
			g.have[h.Rank] = true
			g.mutex.Unlock()
			return true, nil
		}
	}
	if a.Verdict == welcome { // it is gone, and may come again as another process
		g.mutex.Lock()
		delete(g.processes, h.Rank)
		g.mutex.Unlock()
	}
	return false, err
}

// judge compares a rank with this one.
func (g *guests) judge(h hello, from net.Addr) (verdict uint32, err error) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	size := uint32(g.place.Size) // #nosec G115 -- below maxRanks
	other, known := g.processes[h.Rank]
	switch {
	case h.Size != size:
		return otherSize, fmt.Errorf("rank %d from %v was started as one of %d ranks, and rank 0 as one of %d; start all ranks together by one launcher", h.Rank, from, h.Size, size)
	case h.Version != g.version:
		return otherVersion, fmt.Errorf("rank %d from %v has the version %v of this program, and rank 0 has %v; install one version on all machines", h.Rank, from, h.Version, g.version)
	case h.Rank == 0 || h.Rank >= size || known && other != h.Process:
		return noRank, fmt.Errorf("the process from %v says that it is rank %d, which another process is; give each process a rank of its own", from, h.Rank)
	}
	g.processes[h.Rank] = h.Process
	return welcome, nil
}

// missing are the ranks that don't have the token.
func (g *guests) missing() (ranks []int) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for r := 1; r < g.place.Size; r++ {
		if !g.have[uint32(r)] { // #nosec G115 -- below maxRanks
			ranks = append(ranks, r)
		}
	}
	return ranks
}

// others mentions strangers.
func (g *guests) others() string {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.strangers == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d connections were of other programs)", g.strangers)
}
