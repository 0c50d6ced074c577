package bench

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed torch/*.py
var torchScripts embed.FS

// Peer describes another framework.
type Peer struct {
	Name    string `json:"name"` // "torch"
	Version string `json:"version"`
	Python  string `json:"python"` // interpreter
	Threads int    `json:"threads"`
	BLAS    string `json:"blas"` // the library that multiplies its matrices
}

// peerLauncher starts processes of a peer.
type peerLauncher struct {
	python string
	dir    string // the scripts, in a temporary folder
}

// newPeerLauncher finds a Python that has the peer; python may name it.
func newPeerLauncher(ctx context.Context, name, python string) (*peerLauncher, error) {
	if name != "torch" {
		return nil, fmt.Errorf("peer %q is not known; use torch", name)
	}
	candidates := []string{"python3", "/usr/bin/python3"}
	if python != "" {
		candidates = []string{python}
	}
	found := ""
	for _, c := range candidates {
		// The version tells PyTorch from a mere folder of that name in the working directory.
		if exec.CommandContext(ctx, c, "-c", "import torch; torch.__version__").Run() == nil {
			found = c
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if found == "" {
		return nil, fmt.Errorf("%s can't import torch; install PyTorch (pip install torch) or name a Python that has it",
			strings.Join(candidates, " and "))
	}
	dir, err := os.MkdirTemp("", "bestiary-bench-")
	if err != nil {
		return nil, err
	}
	l := &peerLauncher{python: found, dir: dir}
	if err := os.CopyFS(dir, torchScripts); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *peerLauncher) close() { os.RemoveAll(l.dir) }

// peer is a running process that answers each command, a line, with a line of JSON. torch/peer.py lists them.
type peer struct {
	Peer
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
	errors  bytes.Buffer // what it wrote to standard error

	times     []float64
	peakBytes *int64
}

// start starts a process and prepares a workload in it.
func (l *peerLauncher) start(ctx context.Context, threads int, workload string) (*peer, error) {
	command := exec.CommandContext(ctx, l.python, "-B", filepath.Join(l.dir, "torch", "peer.py"), fmt.Sprint(threads))
	for _, name := range []string{"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"} {
		command.Env = append(command.Environ(), fmt.Sprintf("%s=%d", name, threads))
	}
	p := &peer{command: command}
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
	if err = p.answer(&p.Peer); err == nil {
		p.Name, p.Python = "torch", l.python
		err = p.ask("prepare "+workload, &struct{}{})
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// ask sends a command and reads the answer into one.
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
		return fmt.Errorf("torch: %s answered %q instead of JSON; its Python may print at start, name another", p.command.Path, bytes.TrimSpace(line))
	}
	if failure.Error != "" {
		return fmt.Errorf("torch: %s", failure.Error)
	}
	return json.Unmarshal(line, answer)
}

// broken explains a process that is gone, by the last line that it wrote.
func (p *peer) broken(err error) error {
	p.close()
	lines := strings.Split(strings.TrimSpace(p.errors.String()), "\n")
	return fmt.Errorf("torch: %s stopped (%w): %s", p.command.Path, err, lines[len(lines)-1])
}

// run times iterations for about d, at least one.
func (p *peer) run(d time.Duration) error {
	var answer struct {
		Seconds   []float64 `json:"seconds"`
		PeakBytes *int64    `json:"peak_bytes"`
	}
	if err := p.ask(fmt.Sprintf("run %g", d.Seconds()), &answer); err != nil {
		return err
	}
	if len(answer.Seconds) == 0 {
		return fmt.Errorf("torch: %s timed nothing in %v", p.command.Path, d)
	}
	p.times = append(p.times, answer.Seconds...)
	p.peakBytes = answer.PeakBytes
	return nil
}

func (p *peer) result(ours float64) *PeerResult {
	s := spread(p.times)
	return &PeerResult{Peer: p.Peer, Spread: s, PeakBytes: p.peakBytes, Ratio: s.Seconds / ours}
}

// close ends the process: it stops when its input does. Its exit status says nothing that an answer didn't.
func (p *peer) close() {
	p.input.Close()
	p.command.Wait()
}
