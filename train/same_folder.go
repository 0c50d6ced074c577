package train

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sign is the file by which the ranks recognise the run folder of rank 0.
type sign struct {
	Name    string // is random: no copy of the folder has it, and no rank has looked for it before, so NFS has no old answer
	Machine string // of rank 0
}

const signPrefix = ".ranks-"

// signWait is how long a rank looks for the sign: NFS may remember for a minute (its option acdirmax) that a new folder isn't there.
var signWait = 65 * time.Second // tests lower it

// sameFolder returns an error if a rank doesn't see the run folder that rank 0 writes to at the path: another one, or a copy on a disk of its
// own, even an identical one. Rank 0 has made the folder and locked it.
func (r *Ranks) sameFolder(ctx context.Context, dir string) error {
	var s sign
	var err error
	if r.Rank() == 0 {
		s, err = putSign(dir)
		defer func() { _ = os.Remove(filepath.Join(dir, s.Name)) }() // if it stays, the next training removes it
	}
	if err := r.agree(ctx, err); err != nil {
		return err
	}
	if err := r.leaderSays(ctx, &s); err != nil {
		return err
	}
	if r.Rank() > 0 {
		err = s.look(ctx, dir)
	}
	return r.agree(ctx, err) // rank 0 removes the sign once all have looked
}

// putSign writes a new sign, and removes those of processes that were killed.
func putSign(dir string) (sign, error) {
	entries, _ := os.ReadDir(dir) // a folder that can't be read can't be written to either
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), signPrefix) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	var token [8]byte
	_, _ = rand.Read(token[:]) // it never fails
	s := sign{Name: signPrefix + hex.EncodeToString(token[:]), Machine: machine()}
	if err := os.WriteFile(filepath.Join(dir, s.Name), []byte(s.Machine+"\n"), 0o600); err != nil {
		return s, fmt.Errorf("%s: can't be written to (%w); free space, or give this user the right to write there", dir, err)
	}
	return s, nil
}

// look waits for the sign.
func (s sign) look(ctx context.Context, dir string) error {
	for began := time.Now(); time.Since(began) < signWait; {
		_, err := os.Stat(filepath.Join(dir, s.Name))
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: can't be read on the machine %s (%w)", dir, machine(), err)
		}
		select {
		case <-time.After(signWait / 100):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("%s on the machine %s is not the run folder that rank 0 writes to on %s; put it on a file system that all machines share, at the same path",
		dir, machine(), s.Machine)
}

// machine returns the name of this machine.
func machine() string {
	name, err := os.Hostname()
	if err != nil {
		return "without a name"
	}
	return name
}
