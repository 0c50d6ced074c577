package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/spf13/cobra"
)

// prompt is a prompt and the place where it was found, for errors.
type prompt struct{ text, place string }

// maxPrompts is the largest size of a file of prompts, in bytes.
const maxPrompts = 16 << 20

// readPrompts returns the prompts of the command line and then those of a file, one on each line. It reports skipped blank
// lines.
func readPrompts(c *cobra.Command, arguments []string, path string) ([]prompt, error) {
	var all []prompt
	for i, text := range arguments {
		all = append(all, prompt{text, fmt.Sprintf("prompt %d", i+1)})
	}
	if path == "" {
		return all, nil
	}
	var in io.Reader = c.InOrStdin()
	if path == "-" {
		if ranksOf(c) != nil {
			return nil, usagef("--prompts -: a launcher passes the standard input to one rank only; name a file")
		}
		path = "standard input"
	} else {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("--prompts %s: cannot be read (%w); check the path and its permissions", path, errors.Unwrap(err))
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxPrompts+1))
	if err != nil {
		return nil, fmt.Errorf("--prompts %s: cannot be read (%w); name a file with one prompt on each line", path, err)
	}
	if len(text) > maxPrompts {
		return nil, fmt.Errorf("--prompts %s: is longer than %d MB; name a file with one prompt on each line", path, maxPrompts>>20)
	}
	blank := 0
	text = bytes.TrimSuffix(bytes.TrimPrefix(text, []byte("\ufeff")), []byte("\n"))
	for i, line := range strings.Split(string(text), "\n") {
		place := fmt.Sprintf("%s:%d", path, i+1)
		line = strings.TrimSpace(line)
		switch {
		case !utf8.ValidString(line):
			return nil, fmt.Errorf("%s: is not valid UTF-8; save the file as UTF-8", place)
		case line == "":
			blank++
		default:
			all = append(all, prompt{line, place})
		}
	}
	if blank > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "%s: skipped %s\n", path, count(blank, "blank line"))
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: has no prompt; write one on each line", path)
	}
	return all, nil
}

// locate returns the error about a prompt with the place where the prompt was found.
func locate(err error, prompts []prompt) error {
	var wrong *sample.PromptError
	if errors.As(err, &wrong) && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", prompts[wrong.Prompt].place, wrong.Err)
	}
	return err
}

// readPrime reads a picture to begin with. One of another size than the model's is resized: its centre is cut out, unless
// resize says otherwise, and c's stderr gets a line about it.
func readPrime(c *cobra.Command, pipeline *sample.TextToImage, path, resize string) (*image.NRGBA, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: there is no such picture; check the path", path)
	}
	defer f.Close()
	size := pipeline.Size()
	if resize == "" {
		resize = string(data.CenterCrop)
		// DecodeFile below explains a file that can't be decoded.
		if found, _, err := image.DecodeConfig(f); err == nil && (found.Width != size || found.Height != size) {
			fmt.Fprintf(c.ErrOrStderr(), "%s: has %d×%d pixels; its centre is scaled to the model's %d×%d (--prime-resize squash scales all of it)\n",
				path, found.Width, found.Height, size, size)
		}
	}
	pixels, err := decodeLimits.DecodeFile(path, size, pipeline.Channels(), data.Resize(resize))
	if err != nil {
		return nil, err
	}
	return pipeline.Pictures(pixels)[0], nil
}
