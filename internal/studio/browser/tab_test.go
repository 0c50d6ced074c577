package browser

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// tab is a page in a browser. It collects what the browser complains about.
type tab struct {
	*testing.T
	ctx context.Context
	url string

	mu       sync.Mutex
	problems []string
}

// names of the browser.
var names = []string{"chromium", "chromium-browser", "google-chrome", "chrome"}

// open opens a tab on a server. Without a browser the test is skipped, unless BESTIARY_BROWSER says that there must be one.
func open(t *testing.T, url string) *tab {
	t.Helper()
	path := os.Getenv("BESTIARY_BROWSER")
	for _, name := range names {
		if found, err := exec.LookPath(name); path == "" && err == nil {
			path = found
		}
	}
	if path == "" {
		t.Skip("there is no Chromium; name one with BESTIARY_BROWSER")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 20*time.Minute)
	t.Cleanup(cancel)
	own := &tab{T: t, ctx: ctx, url: url}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return // the tab is closed
			}
			if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleWarning || m.IsException() {
				own.problem(fmt.Sprintf("%s (%s %s)", m, m.Source, m.URL))
			}
		}
	}()
	return own
}

func (b *tab) problem(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, text)
}

// quiet fails the test for what the browser has complained about.
func (b *tab) quiet() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.problems {
		b.Error(p)
	}
	b.problems = nil
}

// do runs actions.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.screenshot("failed")
		b.Fatal(err)
	}
}

// visit opens a page and waits until its scripts have run.
func (b *tab) visit(path string) {
	b.Helper()
	b.do(chromedp.Navigate(b.url+path), chromedp.WaitReady("main"))
	b.until(`document.readyState === "complete"`)
}

// value evaluates JavaScript.
func value[T any](b *tab, script string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.screenshot("failed")
		b.Fatalf("%.200s: %v", script, err)
	}
	return v
}

// until waits for a condition in JavaScript. A page that another one replaces meanwhile can't answer: the next one is asked.
func (b *tab) until(condition string) {
	b.Helper()
	end := time.Now().Add(4 * time.Minute)
	for {
		met, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+condition+")", chromedp.EvalAwaitPromise))
		if err != nil && !strings.Contains(err.Error(), "navigated") {
			b.screenshot("failed")
			b.Fatalf("%.200s: %v", condition, err)
		}
		if met && err == nil {
			return
		}
		if time.Now().After(end) {
			b.screenshot("failed")
			b.Fatalf("%s doesn't come true; the page: %.1500s", condition, value[string](b, "document.querySelector('main').innerText"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// view is a kind of screen.
type view struct {
	name          string
	width, height int64
	phone, dark   bool
}

var views = []view{{"desk", 1280, 800, false, false}, {"desk-dark", 1280, 800, false, true}, {"phone", 390, 844, true, false}, {"phone-dark", 390, 844, true, true}}

func (b *tab) look(v view) {
	b.Helper()
	scheme := "light"
	if v.dark {
		scheme = "dark"
	}
	var options []chromedp.EmulateViewportOption
	if v.phone {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.do(chromedp.EmulateViewport(v.width, v.height, options...))
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
		b.Fatal(err)
	}
}

// screenshot writes a picture of the page to the folder BESTIARY_SCREENSHOTS, if there is one.
func (b *tab) screenshot(name string) {
	dir := os.Getenv("BESTIARY_SCREENSHOTS")
	if dir == "" {
		return
	}
	shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.Log(err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(b.Name(), "/", "-")+"-"+name+".png"), shot, 0o666); err != nil {
		b.Error(err)
	}
}

// upload gives a file field a picture.
func (b *tab) upload(field string) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "photo.png")
	if err := os.WriteFile(path, photo(b.T, 200, 150), 0o666); err != nil {
		b.Fatal(err)
	}
	b.do(chromedp.SetUploadFiles(field, []string{path}))
}

// photo returns a PNG file.
func photo(t *testing.T, width, height int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), uint8(x * y / 100), 255})
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}
