package studio

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// safe is a buffer for the log of a server.
type safe struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safe) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safe) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestTokenStaysSecret gives the token in all ways, and wrong ones: no log, page, address or figure has them.
func TestTokenStaysSecret(t *testing.T) {
	const token, wrong = "SECRETOFTHETEST", "WRONGOFTHETEST"
	var log safe
	s := serve(t, func(o *Options) {
		o.Token, o.Log = token, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, path, body string, header ...string) (int, string, http.Header) {
		t.Helper()
		r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		a, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		text, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		if secret := string(text) + a.Header.Get("Location"); strings.Contains(secret, token) || strings.Contains(secret, wrong) {
			t.Errorf("%s %s has a token in its answer: %s", method, path, secret)
		}
		return a.StatusCode, string(text), a.Header
	}
	const form = "application/x-www-form-urlencoded"
	for _, given := range []string{token, wrong} {
		ask("GET", "/prompt?token="+given, "", "Accept", "text/html")
		ask("GET", "/v1/models?token="+given, "")
		ask("GET", "/api/runs", "", "Authorization", "Bearer "+given)
		ask("GET", "/nothing", "", "Cookie", "bestiary-token="+given, "Accept", "text/html", "Referer", s.url+"/?token="+given)
		ask("POST", "/token", url.Values{"token": {given}, "to": {"/prompt?token=" + given}}.Encode(), "Content-Type", form)
		ask("GET", "/metrics?token="+given, "", "Authorization", "Bearer "+token)
	}
	code, text, header := ask("GET", "/prompt?run=birds", "", "Accept", "text/html")
	if code != http.StatusUnauthorized || !strings.Contains(text, `<form class="card stack ask" method="post" action="/token">`) || !strings.Contains(text, `name="to" value="/prompt?run=birds"`) ||
		strings.Contains(text, "not the server") || header.Get("Cache-Control") != "no-store" || !strings.Contains(header.Get("Content-Security-Policy"), "form-action 'self'") {
		t.Errorf("%d %s", code, text)
	}
	code, text, _ = ask("POST", "/token", url.Values{"token": {wrong}, "to": {`/"><script>alert(1)</script>`}}.Encode(), "Content-Type", form)
	if code != http.StatusUnauthorized || !strings.Contains(text, "This is not the server's token.") || strings.Contains(text, "<script>") {
		t.Errorf("%d %s", code, text)
	}
	for _, run := range []string{"birds", "pets", "broken"} { // what the server has, nobody sees
		if strings.Contains(text, run) {
			t.Errorf("the page that asks for the token names the run %s", run)
		}
	}
	if code, _, _ := ask("GET", "/assets/studio.css", ""); code != http.StatusOK {
		t.Errorf("the page that asks for the token has no style: %d", code)
	}
	if all := log.String(); strings.Contains(all, token) || strings.Contains(all, wrong) || !strings.Contains(all, "path=/token") {
		t.Errorf("the log has a token, or nothing:\n%s", all)
	}
}

// TestLargeBodies sends more than a route takes.
func TestLargeBodies(t *testing.T) {
	s := serve(t, nil)
	spaces := io.LimitReader(endless(' '), 97<<20)
	a, err := http.Post(s.url+"/api/jobs", "application/json", spaces)
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("97 MB: %d", a.StatusCode)
	}
	bomb := bombPNG()
	for _, kind := range []string{"density", "reconstruct"} {
		code, raw, _ := s.call("POST", "/api/jobs", object{"kind": kind, "run": "pets", "pictures": []string{base64.StdEncoding.EncodeToString(bomb)}})
		if code != http.StatusBadRequest || !strings.Contains(string(raw), `"field":"pictures[0]"`) {
			t.Errorf("a picture of 60,000×60,000 pixels in %d bytes: %d %s", len(bomb), code, raw)
		}
	}
}

// endless reads a byte without end.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// bombPNG returns the header of a PNG file of 60,000×60,000 pixels.
func bombPNG() []byte {
	header := binary.BigEndian.AppendUint32(nil, 60_000)
	header = binary.BigEndian.AppendUint32(header, 60_000)
	header = append(header, 8, 6, 0, 0, 0)
	chunk := append([]byte("IHDR"), header...)
	file := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	file = append(file, chunk...)
	return binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(chunk))
}

// TestSlowClient sends a header byte by byte. The server closes the connection.
func TestSlowClient(t *testing.T) {
	defer func(before time.Duration) { headerTime = before }(headerTime)
	headerTime = time.Second
	s := serve(t, nil)
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
			}
		}
	}()
	begun := time.Now()
	if err := c.SetReadDeadline(begun.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadAll(c)
	if n, ok := err.(net.Error); ok && n.Timeout() {
		t.Error("the connection stays open")
	}
	t.Logf("closed after %v", time.Since(begun).Round(time.Second))
}
