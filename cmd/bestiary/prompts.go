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

// prompt is one to draw, and where it was found.
type prompt struct{ text, place string }

// maxPrompts is how many bytes a file of prompts may have.
const maxPrompts = 16 << 20

// readPrompts returns the prompts of the command line and then those of a file, one a line, and tells of blank lines.
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
		return nil, fmt.Errorf("--prompts %s: cannot be read (%w); name a file with a prompt a line", path, err)
	}
	if len(text) > maxPrompts {
		return nil, fmt.Errorf("--prompts %s: is longer than %d MB; name a file with a prompt a line", path, maxPrompts>>20)
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
		fmt.Fprintf(c.ErrOrStderr(), "%s: %s passed over\n", path, count(blank, "blank line"))
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: has no prompt; write one a line", path)
	}
	return all, nil
}

// locate names the place of a prompt that something is wrong with.
func locate(err error, prompts []prompt) error {
	var wrong *sample.PromptError
	if errors.As(err, &wrong) && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", prompts[wrong.Prompt].place, wrong.Err)
	}
	return err
}

// readPrime reads a picture to begin with. It must have the models' size, unless resize says how it gets it.
func readPrime(birds *sample.Birds, path, resize string) (*image.NRGBA, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: there is no such picture; check the path", path)
	}
	defer f.Close()
	size := birds.Size()
	// What can't be decoded, DecodeFile explains below.
	if c, _, err := image.DecodeConfig(f); err == nil && resize == "" && (c.Width != size || c.Height != size) {
		return nil, fmt.Errorf("%s: has %d×%d pixels, but the model draws %d×%d; scale it to that size, or have it done with --prime-resize crop or squash",
			path, c.Width, c.Height, size, size)
	}
	pixels, err := data.DecodeFile(path, size, birds.Channels(), data.Resize(resize))
	if err != nil {
		return nil, err
	}
	return birds.Pictures(pixels)[0], nil
}
