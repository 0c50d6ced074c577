package train

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// joinable is a processor that joins others as GPUs do.
type joinable struct {
	kernel.Device
	c *fakeCollectives
}

func (j joinable) Features() kernel.Features {
	f := j.Device.Features()
	f.Collectives = j.c
	return f
}

// fakeCollectives joins processors over a group of their own.
type fakeCollectives struct {
	group            comm.Group
	missing, refuses error
	fails            int // the operation that fails, from 1
	peers            *fakePeers
}

func (c *fakeCollectives) Available() error          { return c.missing }
func (c *fakeCollectives) NewID() ([128]byte, error) { return [128]byte{0: 7, 127: 9}, nil }
func (c *fakeCollectives) Join(_ context.Context, id [128]byte, rank, size int) (kernel.Peers, error) {
	if p := c.group.Place(); id != [128]byte{0: 7, 127: 9} || rank != p.Rank || size != p.Size {
		return nil, errors.New("another id or rank")
	}
	if c.refuses != nil {
		return nil, c.refuses
	}
	c.peers = &fakePeers{c: c}
	return c.peers, nil
}

type fakePeers struct {
	c       *fakeCollectives
	pending []comm.Pending
	started int
	ended   string
}

func (p *fakePeers) start(s comm.Pending) error {
	switch p.started++; {
	case p.started == p.c.fails:
		return errors.New("the cable is cut")
	case p.c.fails > 0 && p.started > p.c.fails:
		return errors.New("there is no cable")
	}
	p.pending = append(p.pending, s)
	return nil
}

func (p *fakePeers) Name() string { return "wire 1.0" }
func (p *fakePeers) AllReduce(ctx context.Context, x kernel.Buffer) error {
	return p.start(p.c.group.AllReduce(ctx, kernel.Slice[float32](x)))
}
func (p *fakePeers) ReduceScatter(ctx context.Context, own, x kernel.Buffer) error {
	return p.start(p.c.group.ReduceScatter(ctx, kernel.Slice[float32](own), kernel.Slice[float32](x)))
}
func (p *fakePeers) AllReduceBfloat16(ctx context.Context, x, lost kernel.Buffer) error {
	return p.start(p.c.group.AllReduceBfloat16(ctx, kernel.Slice[float32](x), kernel.Slice[float32](lost)))
}
func (p *fakePeers) ReduceScatterBfloat16(ctx context.Context, own, x, lost kernel.Buffer) error {
	return p.start(p.c.group.ReduceScatterBfloat16(ctx, kernel.Slice[float32](own), kernel.Slice[float32](x), kernel.Slice[float32](lost)))
}
func (p *fakePeers) AllGather(ctx context.Context, x kernel.Buffer) error {
	all, place := kernel.Slice[float32](x), p.c.group.Place()
	n := len(all) / place.Size
	return p.start(p.c.group.AllGather(ctx, all, all[place.Rank*n:][:n]))
}
func (p *fakePeers) Wait(context.Context) (err error) {
	for _, s := range p.pending {
		err = errors.Join(err, s.Wait())
	}
	p.pending = nil
	return err
}
func (p *fakePeers) Mark() (func(context.Context) error, error) { return p.Wait, nil }
func (p *fakePeers) Close(context.Context) error                { p.ended += "closed"; return nil }
func (p *fakePeers) Abort() error                               { p.ended += "aborted"; return nil }

// messages is a group that must not get what devices hold.
type messages struct {
	comm.Group
	t *testing.T
}

func (m messages) AllReduce(ctx context.Context, x []float32) comm.Pending {
	m.t.Error("AllReduce through the program's memory")
	return m.Group.AllReduce(ctx, x)
}
func (m messages) ReduceScatter(ctx context.Context, own, x []float32) comm.Pending {
	m.t.Error("ReduceScatter through the program's memory")
	return m.Group.ReduceScatter(ctx, own, x)
}
func (m messages) AllReduceBfloat16(ctx context.Context, x, lost []float32) comm.Pending {
	m.t.Error("AllReduceBfloat16 through the program's memory")
	return m.Group.AllReduceBfloat16(ctx, x, lost)
}
func (m messages) ReduceScatterBfloat16(ctx context.Context, own, x, lost []float32) comm.Pending {
	m.t.Error("ReduceScatterBfloat16 through the program's memory")
	return m.Group.ReduceScatterBfloat16(ctx, own, x, lost)
}
func (m messages) AllGather(ctx context.Context, all, own []float32) comm.Pending {
	m.t.Error("AllGather through the program's memory")
	return m.Group.AllGather(ctx, all, own)
}

// joinables returns n devices that can be joined, and how.
func joinables(n int) (devices []*tensor.Device, all []*fakeCollectives) {
	for _, g := range comm.Local(n) {
		c := &fakeCollectives{group: g}
		devices, all = append(devices, engine.NewDevice(joinable{engine.Kernels(openPortable()), c})), append(all, c)
	}
	return devices, all
}

// onlyMessages returns groups of n ranks for messages.
func onlyMessages(t *testing.T, n int) (groups []comm.Group) {
	for _, g := range comm.Local(n) {
		groups = append(groups, messages{g, t})
	}
	return groups
}

// smallBuckets makes buckets small, so that the toy has several.
func smallBuckets(t *testing.T) { setBuckets(t, 20) }

// setBuckets sets the least number of elements of a bucket.
func setBuckets(t *testing.T, n int) {
	before := bucketElements
	bucketElements = n
	t.Cleanup(func() { bucketElements = before })
}

// progress is what rank 0 prints.
type progress struct {
	sync.Mutex
	strings.Builder
}

func (p *progress) Write(b []byte) (int, error) {
	p.Lock()
	defer p.Unlock()
	return p.Builder.Write(b)
}

// TestJoinedDevices trains on joined devices, with all shards: the losses are those of one rank, and nothing but messages passes
// through the group.
func TestJoinedDevices(t *testing.T) {
	smallBuckets(t)
	c := ranksConfig(12)
	c.Clip = 0.5
	alone := filepath.Join(t.TempDir(), "alone")
	if errs, _ := trainRanks(t, alone, 1, false, c, Options{}, nil); errs[0] != nil {
		t.Fatal(errs[0])
	}
	for _, shard := range []Shard{ShardNone, ShardOptimizer, ShardGradients} {
		dir := filepath.Join(t.TempDir(), "together")
		devices, all := joinables(2)
		var printed progress
		errs, models := trainOn(t, dir, devices, onlyMessages(t, 2), false, c, Options{Shard: shard, Progress: &printed}, nil)
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("%s: %v", shard, err)
		}
		if err := agreeWithin(loggedLosses(t, alone), loggedLosses(t, dir), 1e-5); err != nil {
			t.Errorf("%s: %v", shard, err)
		}
		if nn.Checksum(models[0]) != nn.Checksum(models[1]) {
			t.Errorf("%s: the ranks have other weights", shard)
		}
		if !strings.Contains(printed.String(), "on 2 ranks, each on cpu/portable, joined by wire 1.0\n") {
			t.Errorf("%s: prints\n%s", shard, printed.String())
		}
		for i, c := range all {
			if c.peers.started < 3*12 || c.peers.ended != "closed" {
				t.Errorf("%s: rank %d: %d operations, %q", shard, i, c.peers.started, c.peers.ended)
			}
		}
	}
}

// TestNotJoined has ranks whose devices can't be joined: the training passes through the program's memory, and rank 0 says why.
func TestNotJoined(t *testing.T) {
	const cant = "rank 1 can't join its device to the others: "
	type devices = []*tensor.Device
	for name, test := range map[string]struct {
		change func(d devices, all []*fakeCollectives)
		want   string
		ended  string // of rank 0's peers
	}{
		"library":    {func(_ devices, all []*fakeCollectives) { all[1].missing = errors.New("there is no wire") }, cant + "there is no wire\n", ""},
		"refused":    {func(_ devices, all []*fakeCollectives) { all[1].refuses = errors.New("the same GPU") }, cant + "the same GPU\n", "aborted"},
		"mixed":      {func(d devices, _ []*fakeCollectives) { d[1] = openPortable() }, cant + "it computes without a GPU\n", ""},
		"processors": {func(d devices, _ []*fakeCollectives) { d[0], d[1] = openPortable(), openPortable() }, "", ""},
	} {
		devices, all := joinables(2)
		test.change(devices, all)
		var printed progress
		errs, _ := trainOn(t, filepath.Join(t.TempDir(), "run"), devices, comm.Local(2), false, ranksConfig(2), Options{Progress: &printed}, nil)
		if err := errors.Join(errs...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if says := strings.Contains(printed.String(), "program's memory"); says != (test.want != "") || !strings.Contains(printed.String(), test.want) {
			t.Errorf("%s: prints\n%s", name, printed.String())
		}
		if strings.Contains(printed.String(), "joined") {
			t.Errorf("%s: joined\n%s", name, printed.String())
		}
		if p := all[0].peers; (p == nil) != (test.ended == "") || p != nil && p.ended != test.ended {
			t.Errorf("%s: rank 0's peers: %+v", name, p)
		}
	}
}

// TestJoinedFail has an operation that fails on both ranks: the training ends, and leaves the peers at once.
func TestJoinedFail(t *testing.T) {
	smallBuckets(t)
	for _, shard := range []Shard{ShardNone, ShardGradients} {
		devices, all := joinables(2)
		all[0].fails, all[1].fails = 13, 13
		o := Options{Shard: shard}
		errs, _ := trainOn(t, filepath.Join(t.TempDir(), "run"), devices, onlyMessages(t, 2), false, ranksConfig(20), o, nil)
		for i, err := range errs {
			if err == nil || !strings.Contains(err.Error(), "the ranks can't exchange data: the cable is cut") || Agreed(err) ||
				all[i].peers.ended != "aborted" {
				t.Errorf("%s: rank %d: %v, %q", shard, i, err, all[i].peers.ended)
			}
		}
	}
}
