package pages_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/studio"
	"github.com/bestiary-ml/bestiary/internal/studio/studiotest"
	"github.com/bestiary-ml/bestiary/internal/testdevice"
	"github.com/bestiary-ml/bestiary/tensor"
)

// odd is the name of a run that must be escaped.
const odd = `a&b <i lang=x>"'?#%`

func serve(t *testing.T, o studio.Options) func(path string, header ...string) (int, string, http.Header) {
	t.Helper()
	d, err := testdevice.Open(t, tensor.DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	if o.Runs == "" {
		o.Runs = t.TempDir()
		if err := studiotest.Runs(o.Runs, d); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(o.Runs, "pets"), filepath.Join(o.Runs, odd)); err != nil {
			t.Skip(err) // a system that doesn't have such names
		}
	}
	o.Version, o.Program = "test", "none"
	s := studio.New(d, o)
	t.Cleanup(func() { s.Close(t.Context()) })
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return func(path string, header ...string) (int, string, http.Header) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		a, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		raw, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return a.StatusCode, string(raw), a.Header
	}
}

var (
	inline   = regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+\s*=|javascript:|<script(?:>|[^>]*>[^<])`)
	resource = regexp.MustCompile(`(?:src|href|action)="([^"]*)"`)
)

// paths of all pages.
var paths = []string{"/", "/prompt", "/sample", "/detect", "/detect?run=scenes", "/train", "/compare", "/runs/scenes", "/compare?run=birds&run=broken", "/runs/birds", "/runs/broken", "/runs/a&b%20%3Ci%20lang=x%3E%22'%3F%23%25"}

// TestPages expects pages without inline scripts and styles, and links that lead to this server and exist.
func TestPages(t *testing.T) {
	get := serve(t, studio.Options{})
	seen := map[string]bool{}
	for _, path := range paths {
		code, text, header := get(path)
		if code != http.StatusOK || header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(text, "Bestiary test") {
			t.Errorf("%s: %d %.300s", path, code, text)
		}
		if policy := header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'; script-src 'self'; style-src 'self'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if strings.Contains(text, "<i lang") {
			t.Errorf("%s: the name of a run isn't escaped", path)
		}
		if found := inline.FindString(text); found != "" {
			t.Errorf("%s: has %q", path, found)
		}
		for _, match := range resource.FindAllStringSubmatch(text, -1) {
			to := strings.ReplaceAll(match[1], "&amp;", "&")
			if strings.HasPrefix(to, "#") || seen[to] {
				continue
			}
			seen[to] = true
			if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") {
				t.Errorf("%s: leads to %q", path, to)
			} else if code, _, _ := get(strings.ReplaceAll(to, "&#39;", "'")); code != http.StatusOK {
				t.Errorf("%s: %q answers %d", path, to, code)
			}
		}
	}
	if len(seen) < 12 {
		t.Errorf("only %d links found", len(seen))
	}
}

// TestDamaged expects what is wrong with a run on the first page, without the server's folder.
func TestDamaged(t *testing.T) {
	get := serve(t, studio.Options{})
	if _, text, _ := get("/"); !strings.Contains(text, "dalle.safetensors: is cut off") && !strings.Contains(text, "dalle.safetensors: ends before its header") || strings.Contains(text, os.TempDir()) {
		t.Errorf("%s", text)
	}
	if _, text, _ := get("/prompt"); strings.Contains(text, `data-run="broken"`) || !strings.Contains(text, `data-run="birds" data-model="maskgit"`) {
		t.Errorf("%s", text)
	}
}

// TestDetectors expects runs with a detector on the pages, with classes and mean average precision.
func TestDetectors(t *testing.T) {
	get := serve(t, studio.Options{})
	const summary = "A detector of bird, cat, dog, trained on 36 pictures with 90 boxes from scenes:1:40; mean average precision 62.5 %."
	for _, path := range []string{"/", "/runs/scenes"} {
		if _, text, _ := get(path); !strings.Contains(text, summary) || !strings.Contains(text, `href="/detect?run=scenes"`) {
			t.Errorf("%s: %s", path, text)
		}
	}
	if _, text, _ := get("/detect?run=scenes"); !strings.Contains(text, `<option value="scenes" selected>scenes · bird, cat, dog</option>`) || strings.Contains(text, `value="birds"`) {
		t.Errorf("%s", text)
	}
	if _, text, _ := get("/train"); !strings.Contains(text, `<option data-boxes="yes">scenes:1:2000</option>`) || !strings.Contains(text, `<option data-boxes="no">birds:1:2000</option>`) {
		t.Errorf("%s", text)
	}
}

func TestEmptyFolder(t *testing.T) {
	get := serve(t, studio.Options{Runs: t.TempDir()})
	if _, text, _ := get("/"); !strings.Contains(text, `data-demo="full"`) {
		t.Errorf("the demo is not offered: %s", text)
	}
	for _, path := range []string{"/prompt", "/sample", "/detect", "/train", "/compare"} {
		if code, text, _ := get(path); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
}

// TestMissing expects a page about what is missing for a browser, and problem details for programs.
func TestMissing(t *testing.T) {
	get := serve(t, studio.Options{})
	for _, path := range []string{"/nothing", "/runs/nothing", "/runs/..%2f..%2fetc", "/train/nothing", "/compare?run=nothing", "/favicon.ico"} {
		code, text, header := get(path)
		if code != http.StatusNotFound || !strings.Contains(text, "<h1>Not Found</h1>") {
			t.Errorf("%s: %d %s", path, code, text)
		}
		if header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: no policy", path)
		}
		if code, text, header := get(path, "Accept", "*/*"); code != http.StatusNotFound || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
}

// TestAssets are kept by browsers until they change.
func TestAssets(t *testing.T) {
	get := serve(t, studio.Options{Runs: t.TempDir()})
	for name, kind := range map[string]string{"studio.css": "text/css; charset=utf-8", "studio.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		code, text, header := get("/assets/" + name)
		if code != http.StatusOK || header.Get("Content-Type") != kind || text == "" {
			t.Errorf("%s: %d %v", name, code, header)
		}
		if strings.Contains(text, "http://") && name != "icon.svg" && !strings.Contains(text, "http://www.w3.org/2000/svg") || strings.Contains(text, "https://") {
			t.Errorf("%s fetches something from elsewhere", name)
		}
		if code, text, _ := get("/assets/"+name, "If-None-Match", header.Get("ETag")); code != http.StatusNotModified || text != "" {
			t.Errorf("%s: %d", name, code)
		}
	}
	for _, name := range []string{"nothing.js", "..%2fpages.go", "", ".."} {
		if code, _, _ := get("/assets/" + name); code != http.StatusNotFound && name != ".." {
			t.Errorf("%q: %d", name, code)
		}
	}
}
