package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// model writes a run with a discrete VAE and a DALL-E of the demo's sizes: pictures of 32×32 from 8×8 codes. Their weights
// are random, which takes as long as drawing with trained ones.
func model(dir string, d *tensor.Device) error {
	g := tensor.NewGenerator(1)
	tokens, err := tokenizer.Train(func(yield func(string) bool) {
		for _, b := range drawn.Seen() {
			for _, caption := range b.Captions() {
				if !yield(caption) {
					return
				}
			}
		}
	}, tokenizer.TrainOptions{VocabSize: 320})
	if err != nil {
		return err
	}
	codes := dvae.DefaultConfig()
	codes.ImageSize, codes.Layers, codes.Hidden, codes.Codes, codes.CodebookDim = 32, 2, 48, 128, 64
	vae, err := dvae.New(d, codes, g)
	if err != nil {
		return err
	}
	words := dalle.DefaultConfig()
	words.TextTokens, words.TextLen = tokens.VocabSize(), 40
	words.ImageCodes, words.Height, words.Width = codes.Codes, codes.Grid(), codes.Grid()
	t := &words.Transformer
	t.Dim, t.Depth, t.Heads, t.DimHead, t.Reversible = 128, 4, 4, 32, false
	draws, err := dalle.New(d, words, g)
	if err != nil {
		return err
	}
	r, err := run.Create(filepath.Join(dir, "birds"))
	if err != nil {
		return err
	}
	if err := r.SetData(data.Description{Path: "birds:1:2000", Size: 32, Resize: "squash"}); err != nil {
		return err
	}
	for _, part := range []struct {
		name   string
		config any
		module nn.Module
	}{{"dvae", vae.Config(), vae}, {"dalle", draws.Config(), draws}} {
		if err := r.SetConfig(part.name, part.config); err != nil {
			return err
		}
		if err := r.SaveWeights(part.name, weights.Of(part.module), nil); err != nil {
			return err
		}
	}
	return r.SetTokenizer(tokens, "")
}

// server is a server process.
type server struct {
	*exec.Cmd
	*target
	messages bytes.Buffer
}

// start starts a server and waits for its address.
func start(command func(args ...string) *exec.Cmd, args ...string) (*server, error) {
	s := &server{Cmd: command(args...)}
	s.Env = append(s.Environ(), "BESTIARY_TOKEN=")
	s.Stderr = &s.messages
	out, err := s.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		return nil, fmt.Errorf("the server can't be started: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "http://") {
		s.stop()
		return nil, fmt.Errorf("the server doesn't start: %s", strings.TrimSpace(s.messages.String()))
	}
	s.target = newTarget(strings.TrimSpace(line))
	return s, nil
}

// stop ends the server.
func (s *server) stop() {
	if s.target != nil {
		s.client.CloseIdleConnections()
	}
	if s.Process.Signal(os.Interrupt) != nil { // there is none on Windows
		_ = s.Process.Kill()
	}
	kill := time.AfterFunc(10*time.Second, func() { _ = s.Process.Kill() })
	defer kill.Stop()
	_ = s.Wait()
}

// resident is the resident memory of the server in bytes, as in its metrics; nil on systems without the figure.
func (s *server) resident(ctx context.Context) (*int64, error) {
	a, err := s.send(ctx, http.MethodGet, "metrics", "")
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return nil, errors.New("the server has no metrics")
	}
	lines := bufio.NewScanner(a.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "process_resident_memory_bytes "); ok {
			f, err := strconv.ParseFloat(value, 64)
			bytes := int64(f)
			return &bytes, err
		}
	}
	return nil, lines.Err()
}
