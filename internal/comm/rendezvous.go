package comm

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Token is what rank 0 tells the others, such as the id of a communicator of NCCL.
type Token [128]byte

// Share gives the token of rank 0 to all ranks, over TCP at p.Address, and waits until the context ends. That of the others is
// ignored. version is the program's; its first 64 bytes must be the same on all ranks, as must p.Size. If the port is in use, as
// it can be under torchrun, rank 0 listens at one of the next. There is no secret: whoever reaches the port can get the token.
func (p Place) Share(ctx context.Context, version string, token Token) (Token, error) {
	if p.Size == 1 {
		return token, nil
	}
	host, ports, err := p.meeting()
	if err != nil {
		return token, err
	}
	if p.Rank == 0 {
		return token, p.give(ctx, host, ports, text(version), token)
	}
	return p.take(ctx, host, ports, text(version))
}

// Rank 0 says greeting, so that a rank sends nothing to another program; the rank says hello, rank 0 answers, and the rank sends
// a byte when it has the answer. Numbers are in network order.
type (
	greeting [16]byte
	hello    struct {
		Greeting   greeting
		Size, Rank uint32
		Process    uint64 // a random number: a rank that comes again is the same process
		Version    versionText
	}
	answer struct {
		Verdict, Size uint32
		Version       versionText
		Token         Token
	}
	versionText [64]byte
)

var greetings = greeting([]byte("bestiary ranks 1"))

// Verdicts of rank 0.
const (
	welcome uint32 = iota
	otherSize
	otherVersion
	noRank // not below the size, or taken by another process
)

func text(s string) (t versionText) {
	copy(t[:], s)
	return t
}

func (t versionText) String() string { return strconv.Quote(string(bytes.TrimRight(t[:], "\x00"))) }

const (
	portsTried = 4               // from that of the address on
	reply      = 3 * time.Second // in which a peer must connect and answer
	pause      = 200 * time.Millisecond
)

// meeting returns where the ranks meet.
func (p Place) meeting() (host string, ports []string, err error) {
	if p.Address == "" {
		return "", nil, fmt.Errorf("the launcher %s doesn't say where rank 0 is; set MASTER_ADDR and MASTER_PORT, or start by mpirun", p.Launcher)
	}
	host, port, err := net.SplitHostPort(p.Address)
	first, numberErr := strconv.Atoi(port)
	if err != nil || numberErr != nil || host == "" || first < 1 || first > 65535 {
		return "", nil, fmt.Errorf("the launcher %s says that rank 0 is at %q, which is no host with a port from 1 to 65535; correct MASTER_ADDR and MASTER_PORT", p.Launcher, p.Address)
	}
	for port := first; port < first+portsTried && port <= 65535; port++ {
		ports = append(ports, strconv.Itoa(port))
	}
	return host, ports, nil
}

// take asks rank 0, again and again.
func (p Place) take(ctx context.Context, host string, ports []string, version versionText) (Token, error) {
	h := hello{Greeting: greetings, Size: uint32(p.Size), Rank: uint32(p.Rank), Version: version} // #nosec G115 -- below maxRanks
	if err := binary.Read(rand.Reader, binary.BigEndian, &h.Process); err != nil {
		return Token{}, err
	}
	for {
		var tries []string
		for _, port := range ports {
			at := net.JoinHostPort(host, port)
			a, err := h.ask(ctx, at)
			switch {
			case err != nil:
				tries = append(tries, err.Error())
			case a.Verdict == welcome:
				return a.Token, nil
			default:
				return Token{}, p.refused(at, a, version)
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return Token{}, fmt.Errorf("rank %d of %d doesn't find rank 0 (%s): %w; start rank 0, see that MASTER_ADDR names its machine, and open the port", p.Rank, p.Size, strings.Join(tries, "; "), ctx.Err())
		}
	}
}

// ask asks for the answer at an address.
func (h hello) ask(ctx context.Context, at string) (a answer, err error) {
	c, err := (&net.Dialer{Timeout: reply}).DialContext(ctx, "tcp", at)
	if err != nil {
		return a, err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(reply)); err != nil {
		return a, err
	}
	var g greeting
	if _, err := io.ReadFull(c, g[:]); err != nil || g != greetings {
		return a, errors.Join(fmt.Errorf("another program is at %s", at), err)
	}
	if err := binary.Write(c, binary.BigEndian, h); err != nil {
		return a, err
	}
	if err := binary.Read(c, binary.BigEndian, &a); err != nil {
		return a, err
	}
	_, err = c.Write([]byte{1})
	return a, err
}

// refused says why rank 0 has refused this one.
func (p Place) refused(at string, a answer, version versionText) error {
	switch a.Verdict {
	case otherSize:
		return fmt.Errorf("rank 0 at %s was started as one of %d ranks, and this process as rank %d of %d; start all ranks together by one launcher", at, a.Size, p.Rank, p.Size)
	case otherVersion:
		return fmt.Errorf("rank 0 at %s has the version %v of this program, and rank %d has %v; install one version on all machines", at, a.Version, p.Rank, version)
	}
	return fmt.Errorf("rank 0 at %s has another rank %d already; give each process a rank of its own, or end the processes of an earlier start", at, p.Rank)
}
