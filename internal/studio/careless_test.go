package studio

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// raw sends bytes over a connection of its own, which with cut has no more to send, and returns the answer.
func (s *server) raw(request string, cut bool) (int, string) {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		s.t.Fatal(err)
	}
	if cut {
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			s.t.Fatal(err)
		}
	}
	a, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer a.Body.Close()
	text, _ := io.ReadAll(a.Body) // the connection may end early
	return a.StatusCode, string(text)
}

// TestBrokenBodies sends bodies that end early, or whose chunks are malformed.
func TestBrokenBodies(t *testing.T) {
	s := serve(t, nil)
	host := strings.TrimPrefix(s.url, "http://")
	for _, path := range []string{"/api/jobs", "/api/trainings", "/api/uploads?name=a", "/v1/images/generations", "/sdapi/v1/txt2img"} {
		kind := "application/json"
		if strings.Contains(path, "uploads") {
			kind = "application/zip"
		}
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n", path, host, kind)
		for _, rest := range []string{"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "Content-Length: 500\r\n\r\n{\"kind\""} {
			if code, text := s.raw(head+rest, true); code != http.StatusBadRequest || !strings.Contains(text, "to its end") {
				t.Errorf("%s %.30q: %d %s", path, rest, code, text)
			}
		}
	}
}

// TestCarelessJSON sends what package json takes, though it is hardly meant.
func TestCarelessJSON(t *testing.T) {
	s := serve(t, nil)
	host := strings.TrimPrefix(s.url, "http://")
	for body, want := range map[string]string{
		`{"kind":"generate","prompt":"a","prompt":"b"}`:                    "prompt: must be there once",
		`{"KIND":"generate"}`:                                              "KIND: is no field",
		`{"kind":"walk","run":"pets","sliders":[null]}`:                    "sliders: must have no null in it",
		"{\"kind\":\"generate\",\"run\":\"birds\",\"prompt\":\"a \xff\"}":  "is not UTF-8",
		`{"kind":"generate","run":"birds","prompt":"a \ud800"}`:            "is not UTF-8",
		`{"kind":"generate","run":"birds","prompt":"\udc00\ud800"}`:        "is not UTF-8",
		`{"kind":"generate","run":"none","prompt":"\ud83d\ude00 \\ud800"}`: "there is no run",
		`{"kind":"walk","run":"pets","from":"","temperature":1}`:           "temperature: has no use where",
		`{"kind":"sample","run":"pets","guidance":2}`:                      "guidance: must be 1 (off)",
		`{"kind":"generate","run":"birds","prompt":"a","model":"dvae"}`:    "model",
		`{"` + strings.Repeat("k", 100_000) + `":1}`:                       "…",
	} {
		head := fmt.Sprintf("POST /api/jobs HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", host, len(body))
		if code, text := s.raw(head+body, false); code < 400 || code >= 500 || !strings.Contains(text, want) || len(text) > 3000 {
			t.Errorf("%.80s: %d %.200s; want %s", body, code, text, want)
		}
	}
	for _, header := range []string{"Content-Encoding: gzip", "Content-Type: application/json; charset=latin-1"} {
		if !strings.HasPrefix(header, "Content-Type") {
			header += "\r\nContent-Type: application/json"
		}
		if code, text := s.raw(fmt.Sprintf("POST /api/jobs HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: 2\r\n\r\n{}", host, header), false); code != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d %s", header, code, text)
		}
	}
}

// TestIncompleteRun lists a run without what its generator needs, and doesn't draw with it.
func TestIncompleteRun(t *testing.T) {
	s := serve(t, nil)
	for _, lost := range []string{"tokenizer.json", "dvae.safetensors"} {
		first := filepath.Join(s.runs, "a-"+strings.TrimSuffix(lost, filepath.Ext(lost)))
		if err := os.CopyFS(first, os.DirFS(filepath.Join(s.runs, "birds"))); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(first, lost)); err != nil {
			t.Fatal(err)
		}
		text := ""
		for range 100 { // until the new folder is seen
			_, raw, _ := s.call("GET", "/api/runs/"+filepath.Base(first), nil)
			if text = string(raw); strings.Contains(text, `"problem"`) {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if !strings.Contains(text, `"generators":[]`) || !strings.Contains(text, "problem") || strings.Contains(text, s.runs) {
			t.Errorf("without %s: %s", lost, text)
		}
	}
	if code, raw, _ := s.call("POST", "/v1/images/generations", object{"prompt": "a"}); code != http.StatusOK {
		t.Errorf("%d %s", code, raw)
	}
}
