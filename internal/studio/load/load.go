// Package load measures a server from outside, by clients in a closed loop: each sends its next request after the answer.
// The server is a process of its own. Every answer is compared with the picture that its seed must give.
package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Figures are those of a number of clients.
type Figures struct {
	Clients   int     `json:"clients"`
	Requests  int     `json:"requests"` // answered
	Refused   int     `json:"refused"`  // with 429; the client waits for Retry-After and retries
	PerSecond float64 `json:"requests_per_second"`
	P50       float64 `json:"p50_seconds"` // from the first try of a request to the end of its answer
	P99       float64 `json:"p99_seconds"`
}

// seeds is the number of different requests.
const seeds = 8

// target is a server under load.
type target struct {
	address string // http://127.0.0.1:port/
	client  *http.Client
	want    [seeds][]byte // pictures
}

func newTarget(address string) *target {
	return &target{address: address, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1024, MaxIdleConns: 1024}}}
}

// learn asks for each picture once, which also loads the model.
func (t *target) learn(ctx context.Context) (err error) {
	for seed := range t.want {
		if t.want[seed], err = t.ask(ctx, seed); err != nil {
			return err
		}
	}
	return nil
}

// send sends a request; body is JSON.
func (t *target) send(ctx context.Context, method, path, body string) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, method, t.address+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	return t.client.Do(q)
}

// refusal is the answer 429.
type refusal struct{ after time.Duration }

func (r refusal) Error() string { return "the queue is full" }

// ask draws a picture.
func (t *target) ask(ctx context.Context, seed int) ([]byte, error) {
	a, err := t.send(ctx, http.MethodPost, "v1/images/generations", fmt.Sprintf(`{"prompt":"a small red bird with a long beak","seed":%d}`, seed))
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	raw, err := io.ReadAll(a.Body)
	if err != nil {
		return nil, err
	}
	if a.StatusCode == http.StatusTooManyRequests {
		seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
		if err != nil {
			return nil, fmt.Errorf("a refusal doesn't say when to try again: %w", err)
		}
		return nil, refusal{time.Duration(seconds) * time.Second}
	}
	var answer struct {
		Data []struct {
			Picture []byte `json:"b64_json"`
		}
	}
	if a.StatusCode != http.StatusOK || json.Unmarshal(raw, &answer) != nil || len(answer.Data) != 1 {
		return nil, fmt.Errorf("the server answers %d: %.200s", a.StatusCode, raw)
	}
	return answer.Data[0].Picture, nil
}

// press lets clients send requests for the duration d, or, if most is not 0, until most are answered. A request that begins
// within d counts in full.
func (t *target) press(ctx context.Context, clients int, d time.Duration, most int) (Figures, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f := Figures{Clients: clients}
	begun := time.Now()
	var mu sync.Mutex
	var times []float64
	var next atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if most > 0 && i >= most || most == 0 && time.Since(begun) >= d {
					return
				}
				asked := time.Now()
				refused, err := t.insist(ctx, i%seeds)
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				times = append(times, time.Since(asked).Seconds())
				f.Refused += refused
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return f, err
	}
	slices.Sort(times)
	f.Requests = len(times)
	f.PerSecond = float64(len(times)) / time.Since(begun).Seconds()
	f.P50, f.P99 = quantile(times, 0.5), quantile(times, 0.99)
	return f, nil
}

// insist retries until the server accepts, and compares the picture.
func (t *target) insist(ctx context.Context, seed int) (refused int, err error) {
	for {
		picture, err := t.ask(ctx, seed)
		var full refusal
		if errors.As(err, &full) {
			refused++
			select {
			case <-time.After(full.after):
				continue
			case <-ctx.Done():
				return refused, ctx.Err()
			}
		}
		if err == nil && !bytes.Equal(picture, t.want[seed]) {
			err = fmt.Errorf("the picture of seed %d isn't the one that this seed alone gives", seed)
		}
		return refused, err
	}
}

// quantile is the least of sorted values that is at least as large as a share of them.
func quantile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := int(share * float64(len(sorted)))
	return sorted[min(at, len(sorted)-1)]
}

func median(values []float64) float64 {
	slices.Sort(values)
	return quantile(values, 0.5)
}
