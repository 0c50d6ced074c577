package comm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// free returns an address with a free port.
func free(t *testing.T) (address string, port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	port = l.Addr().(*net.TCPAddr).Port
	return l.Addr().String(), port
}

// rank is a rank of a test.
type rank struct {
	place   Place
	version string
	got     Token
	err     error
}

// share starts ranks at once, and returns when all have ended.
func share(t *testing.T, wait time.Duration, token Token, ranks ...*rank) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	var all sync.WaitGroup
	for _, r := range ranks {
		all.Go(func() {
			own := Token{9, 9}
			if r.place.Rank == 0 {
				own = token
			}
			r.got, r.err = r.place.Share(ctx, r.version, own)
		})
	}
	all.Wait()
}

// four are four ranks at an address.
func four(address string) (ranks []*rank) {
	for i := range 4 {
		ranks = append(ranks, &rank{place: Place{Rank: i, Size: 4, Address: address}, version: "v1"})
	}
	return ranks
}

func token() (t Token) {
	for i := range t {
		t[i] = byte(3*i + 1)
	}
	return t
}

// TestShare has four ranks, of which rank 0 comes last, and strangers: one that says nothing, one with garbage, and one that says
// hello to an older version.
func TestShare(t *testing.T) {
	t.Parallel() // it waits
	address, _ := free(t)
	ranks := four(address)
	go func() {
		for i, garbage := range []string{"", strings.Repeat("GET / HTTP/1.1\r\n", 20), "bestiary ranks 0" + strings.Repeat("\x00", 80)} {
			for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
				c, err := net.Dial("tcp", address)
				if err != nil {
					continue
				}
				_, _ = c.Write([]byte(garbage))
				if i > 0 {
					_ = c.Close()
				}
				break
			}
		}
	}()
	late := ranks[0]
	var all sync.WaitGroup
	all.Go(func() { share(t, 20*time.Second, token(), ranks[1:]...) })
	all.Go(func() { time.Sleep(300 * time.Millisecond); share(t, 20*time.Second, token(), late) })
	all.Wait()
	for i, r := range ranks {
		if r.err != nil || r.got != token() {
			t.Errorf("rank %d: %v, %v", i, r.err, r.got)
		}
	}
	if got, err := (Place{Size: 1}).Share(t.Context(), "v1", token()); err != nil || got != token() {
		t.Errorf("one rank: %v", err)
	}
}

// TestSharePortInUse has another program at the port, which says nothing, or something else first. Ranks send it nothing.
func TestSharePortInUse(t *testing.T) {
	t.Parallel() // it waits
	for _, says := range []string{"", "SSH-2.0-OpenSSH_9.2\r\n"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		received := make(chan int, 100)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, says)
				text, _ := io.ReadAll(c)
				received <- len(text)
				_ = c.Close()
			}
		}()
		ranks := four(l.Addr().String())
		share(t, 30*time.Second, token(), ranks...)
		for i, r := range ranks {
			if r.err != nil || r.got != token() {
				t.Errorf("rank %d: %v", i, r.err)
			}
		}
		if n := <-received; n != 0 {
			t.Errorf("a rank has sent %d bytes to another program", n)
		}
		_ = l.Close()
	}
}

// TestShareFailures checks what both sides say when ranks don't fit together, or one is missing.
func TestShareFailures(t *testing.T) {
	t.Parallel() // it waits
	for _, test := range []struct {
		name       string
		change     func(ranks []*rank) []*rank
		zero, last string // parts of the errors of rank 0 and of the last
	}{
		{"size", func(r []*rank) []*rank { r[3].place.Size = 8; return r }, "rank 3 from 127.0.0.1", "and this process as rank 3 of 8"},
		{"version", func(r []*rank) []*rank { r[3].version = "v2"; return r }, `has the version "v2" of this program, and rank 0 has "v1"`, `has the version "v1" of this program, and rank 3 has "v2"`},
		{"twice", func(r []*rank) []*rank { r[3].place.Rank = 2; return r }, "says that it is rank 2, which another process is", ""},
		{"missing", func(r []*rank) []*rank { return r[:2] }, "for ranks 2, 3 of 4: context deadline exceeded; start all ranks", ""},
		{"no rank 0", func(r []*rank) []*rank { return r[1:] }, "rank 1 of 4 doesn't find rank 0 (dial tcp 127.0.0.1:", "rank 3 of 4 doesn't find rank 0"},
	} {
		address, _ := free(t)
		ranks := test.change(four(address))
		share(t, 1500*time.Millisecond, token(), ranks...)
		for _, check := range []struct {
			err  error
			want string
		}{{ranks[0].err, test.zero}, {ranks[len(ranks)-1].err, test.last}} {
			if check.want != "" && (check.err == nil || !strings.Contains(check.err.Error(), check.want)) {
				t.Errorf("%s: %v, want %q", test.name, check.err, check.want)
			}
		}
	}
	for address, want := range map[string]string{"": "doesn't say where rank 0 is", "host": "no host with a port", "host:0": "no host with a port", ":5": "no host with a port"} {
		if _, err := (Place{Size: 2, Launcher: "torchrun", Address: address}).Share(t.Context(), "v1", Token{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("address %q: %v", address, err)
		}
	}
}

// TestShareNoPort has all ports in use.
func TestShareNoPort(t *testing.T) {
	var first int
	for range 20 { // until neighbouring ports are free
		_, first = free(t)
		var held []net.Listener
		for port := first; port < first+portsTried; port++ {
			if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
				held = append(held, l)
			}
		}
		if len(held) == portsTried {
			defer func() {
				for _, l := range held {
					_ = l.Close()
				}
			}()
			r := &rank{place: Place{Size: 2, Address: fmt.Sprintf("127.0.0.1:%d", first)}}
			share(t, 2*time.Second, token(), r)
			if r.err == nil || !strings.Contains(r.err.Error(), fmt.Sprintf("127.0.0.1:%d: bind: address already in use; choose another MASTER_PORT", first)) {
				t.Errorf("%v", r.err)
			}
			return
		}
		for _, l := range held {
			_ = l.Close()
		}
	}
	t.Skip("no neighbouring ports are free")
}

// TestShareLostRank has a rank that goes away before it has the token, and comes again as another process.
func TestShareLostRank(t *testing.T) {
	address, _ := free(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := (Place{Size: 2, Address: address}).Share(ctx, "v1", token())
		ended <- err
	}()
	lost := hello{Greeting: greetings, Size: 2, Rank: 1, Process: 7, Version: text("v1")}
	for {
		c, err := net.Dial("tcp", address)
		if err != nil {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		_, _ = c.Write(append(lost.Greeting[:], 0, 0, 0, 2)) // a part
		_ = c.Close()
		break
	}
	r := &rank{place: Place{Rank: 1, Size: 2, Address: address}, version: "v1"}
	share(t, 20*time.Second, token(), r)
	if err := errors.Join(r.err, <-ended); err != nil || r.got != token() {
		t.Errorf("%v", err)
	}
}
