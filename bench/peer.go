package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/fault"
)

// peers are the frameworks that Options.Versus may name.
var peers = slices.Concat([]string{"torch", "torch-compile", "torch-cached"}, flowPeers, goPeers)

// Peer describes another framework.
type Peer struct {
	Name    string `json:"name"` // "torch"
	Version string `json:"version"`
	Python  string `json:"python,omitempty"` // its interpreter, or
	Go      string `json:"go,omitempty"`     // the Go that has built it
	Threads int    `json:"threads"`
	BLAS    string `json:"blas"` // the library that multiplies its matrices

	GPU       string `json:"gpu,omitempty"` // the card's name, if it computes there
	Precision string `json:"precision"`     // of products
}

// place says where a peer computes.
type place struct {
	threads   int
	device    string // "cpu", or our name of the GPU: "cuda:0"
	gpu       string // name of the card
	precision string // of products; peers in Go compute in float32
}

// place returns where the peer of t computes. A peer on a GPU has all threads of the processor.
func (t *task) place() place {
	if t.gpu == nil {
		return place{threads: t.threads, device: "cpu", precision: t.precision}
	}
	return place{runtime.GOMAXPROCS(0), t.counter.Name(), t.gpu.Card(), t.precision}
}

// peerLauncher starts processes of a peer.
type peerLauncher struct {
	name      string
	python    string                 // interpreter; "" for peers in Go
	command   []string               // program and first arguments
	arguments func(p place) []string // further arguments
	dir       string                 // temporary folder with its files
}

// newPeerLauncher finds the peer that o names.
func newPeerLauncher(ctx context.Context, o Options, log io.Writer) (*peerLauncher, error) {
	switch name := o.Versus; {
	case slices.Contains(flowPeers, name) && strings.HasPrefix(o.Device, "cuda"):
		return nil, fault.Field("Versus", name, "is measured on the processor only; set Device to cpu")
	case slices.Contains(peers, name) && torchModes[name] != "":
		return findTorch(ctx, name, o.Python)
	case slices.Contains(goPeers, name) && o.Python != "":
		return nil, fault.Field("Python", o.Python, "is not used by the peer %s; leave it out", name)
	case slices.Contains(goPeers, name) && strings.HasPrefix(o.Device, "cuda"):
		return nil, fault.Field("Versus", name, "computes on the processor only; set Device to cpu")
	case slices.Contains(goPeers, name):
		return buildPeer(ctx, name, ".", log)
	}
	return nil, fault.Field("Versus", fmt.Sprintf("%q", o.Versus), "must be one of %s", strings.Join(peers, ", "))
}

func (l *peerLauncher) close() { os.RemoveAll(l.dir) }

// peer is a running process. It answers each command, one on a line, with a line of JSON; package peer and
// torch/peer.py list the commands.
type peer struct {
	Peer
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
	errors  bytes.Buffer // what it wrote to standard error

	impossible string // why it lacks the workload
	form       string // how it computes the workload, beside the precision
	parameters int    // of the workload's flow over rows; 0 if it said nothing
	times      []float64
	peakBytes  *int64
}

// start starts a process and prepares a workload in it.
func (l *peerLauncher) start(ctx context.Context, at place, workload string) (*peer, error) {
	command := exec.CommandContext(ctx, l.command[0], append(slices.Clone(l.command[1:]), l.arguments(at)...)...)
	for _, name := range []string{"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"} {
		command.Env = append(command.Environ(), fmt.Sprintf("%s=%d", name, at.threads))
	}
	p := &peer{Peer: Peer{Name: l.name, Python: l.python, Precision: "highest"}, command: command}
	command.Stderr = &p.errors
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	p.input, p.output = input, bufio.NewReader(output)
	if err = p.answer(&p.Peer); err == nil && p.GPU != at.gpu {
		err = fmt.Errorf("%s: %s is %q there and %q here; set CUDA_VISIBLE_DEVICES so that both have the same card", p.Name, at.device, p.GPU, at.gpu)
	}
	if err == nil {
		err = p.prepare(workload)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// prepare prepares a workload. A later one takes its place.
func (p *peer) prepare(workload string) error {
	var prepared struct {
		Impossible string
		Form       string
		Parameters int
	}
	err := p.ask("prepare "+workload, &prepared)
	p.impossible, p.form, p.parameters = prepared.Impossible, prepared.Form, prepared.Parameters
	return err
}

// ask sends a command and decodes the answer.
func (p *peer) ask(command string, answer any) error {
	if _, err := fmt.Fprintln(p.input, command); err != nil {
		return p.broken(err)
	}
	return p.answer(answer)
}

func (p *peer) answer(answer any) error {
	line, err := p.output.ReadBytes('\n')
	if err != nil {
		return p.broken(err)
	}
	var failure struct{ Error string }
	if err := json.Unmarshal(line, &failure); err != nil {
		remedy := "look for what prints in it"
		if p.Python != "" {
			remedy = "its Python may print at start, name another"
		}
		return fmt.Errorf("%s: %s answered %q instead of JSON; %s", p.Name, p.command.Path, bytes.TrimSpace(line), remedy)
	}
	if failure.Error != "" {
		return fmt.Errorf("%s: %s", p.Name, failure.Error)
	}
	return json.Unmarshal(line, answer)
}

// broken returns the error of a process that has ended, with the last line that it wrote.
func (p *peer) broken(err error) error {
	p.close()
	lines := strings.Split(strings.TrimSpace(p.errors.String()), "\n")
	last := lines[len(lines)-1]
	if last == "" {
		last = "it wrote no error; run it by hand"
		if p.Python != "" {
			last = "it wrote no error; name a Python that has its packages"
		}
	}
	return fmt.Errorf("%s: %s stopped (%w): %s", p.Name, p.command.Path, err, last)
}

// run times iterations for about d, at least one.
func (p *peer) run(d time.Duration) error {
	if p.impossible != "" {
		return nil
	}
	var answer struct {
		Seconds   []float64 `json:"seconds"`
		PeakBytes *int64    `json:"peak_bytes"`
	}
	if err := p.ask(fmt.Sprintf("run %g", d.Seconds()), &answer); err != nil {
		return err
	}
	if len(answer.Seconds) == 0 {
		return fmt.Errorf("%s: %s timed nothing in %v", p.Name, p.command.Path, d)
	}
	p.times = append(p.times, answer.Seconds...)
	p.peakBytes = answer.PeakBytes
	return nil
}

func (p *peer) result(ours float64) *PeerResult {
	if p.impossible != "" {
		return &PeerResult{Peer: p.Peer, Impossible: p.impossible}
	}
	s := spread(p.times)
	return &PeerResult{Peer: p.Peer, Form: p.form, Spread: &s, PeakBytes: p.peakBytes, Ratio: s.Seconds / ours, Parameters: p.parameters}
}

// close ends the process, which stops at the end of its input. Its exit status adds nothing to its answers.
func (p *peer) close() {
	p.input.Close()
	p.command.Wait()
}
