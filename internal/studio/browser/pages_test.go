package browser

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/studio"
	"github.com/chromedp/chromedp/kb"
)

// pages are the pages that need nothing but runs.
var pages = map[string]string{
	"runs": "/", "prompt": "/prompt", "sample": "/sample", "detect": "/detect", "train": "/train", "detector": "/runs/scenes", "card": "/runs/pets", "damaged": "/runs/broken",
	"compare": "/compare?run=birds&run=pets", "choose": "/compare", "missing": "/nowhere",
}

// TestPages opens each page on each kind of screen: nothing is wider than the screen, the browser has no complaint, and axe
// finds no violation.
func TestPages(t *testing.T) {
	b := open(t, serve(t, studio.Options{Runs: runs(t), Program: "none"}))
	for name, path := range pages {
		for _, v := range views {
			b.look(v)
			b.visit(path)
			b.check(name, v)
		}
	}
}

// TestEmpty looks at the pages of an empty folder.
func TestEmpty(t *testing.T) {
	b := open(t, serve(t, studio.Options{Runs: t.TempDir(), Program: "none"}))
	for _, name := range []string{"runs", "prompt", "sample", "detect", "train"} {
		for _, v := range views {
			b.look(v)
			b.visit(pages[name])
			b.check(name, v)
		}
	}
}

// TestAskForToken opens a page without the token. The page that asks for it takes the right one only, and leads to the first.
func TestAskForToken(t *testing.T) {
	b := open(t, serve(t, studio.Options{Runs: t.TempDir(), Program: "none", Token: "secret"}))
	for _, v := range views {
		b.look(v)
		b.visit("/prompt?run=birds")
		b.check("token", v)
	}
	give := func(token string) {
		t.Helper()
		b.until(`document.activeElement.id === "token"`)
		b.press(token)
		b.to("form button.primary")
		b.press(kb.Enter)
	}
	give("guess")
	b.until(`document.querySelector("[role=alert]")?.textContent.includes("not the server")`)
	b.check("token", views[3])
	give("secret")
	b.until(`location.pathname + location.search === "/prompt?run=birds" && document.querySelector("nav")`)
	if cookie := value[string](b, "document.cookie"); cookie != "" {
		t.Errorf("scripts can read %q", cookie)
	}
	b.problems = nil // the answer with status 401
	b.visit("/sample")
	b.quiet()
}

// check looks at the page that is open.
func (b *tab) check(name string, v view) {
	b.Helper()
	b.screenshot(name + "-" + v.name)
	if wide := value[int64](b, "document.documentElement.scrollWidth"); wide > v.width {
		b.Errorf("%s on a %s: %d pixels wide, more than the screen", name, v.name, wide)
	}
	for _, violation := range b.violations() {
		b.Errorf("%s on a %s: %s", name, v.name, violation)
	}
	b.mu.Lock()
	if name == "missing" || name == "token" { // the browser complains about the status of the page itself
		b.problems = nil
	}
	b.mu.Unlock()
	b.quiet()
}
