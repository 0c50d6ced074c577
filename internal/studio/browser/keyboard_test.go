package browser

import (
	"fmt"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/studio"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// press presses keys.
func (b *tab) press(keys ...string) {
	b.Helper()
	for _, key := range keys {
		b.do(chromedp.KeyEvent(key))
	}
}

// to presses Tab until the focus is on an element, which must be visible then, with an outline.
func (b *tab) to(selector string) {
	b.Helper()
	for range 80 {
		if value[bool](b, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			if !value[bool](b, `(() => {
				const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
				return r.width > 0 && r.height > 0 && r.bottom > 0 && r.top < innerHeight && s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2;
			})()`) {
				b.screenshot("failed")
				b.Errorf("%s has the focus, and doesn't show it", selector)
			}
			return
		}
		b.press(kb.Tab)
	}
	b.screenshot("failed")
	b.Fatalf("Tab doesn't come to %s", selector)
}

// TestSkip jumps over the navigation.
func TestSkip(t *testing.T) {
	b := open(t, serve(t, studio.Options{Runs: runs(t), Program: "none"}))
	b.look(views[0])
	b.visit("/")
	b.to(".skip")
	b.press(kb.Enter)
	b.to(".run h2 a")
	b.press(kb.Enter)
	b.until(`location.pathname.startsWith("/runs/")`)
	b.quiet()
}

// TestCompareByKeyboard chooses two runs and compares them.
func TestCompareByKeyboard(t *testing.T) {
	b := open(t, serve(t, studio.Options{Runs: runs(t), Program: "none"}))
	b.look(views[2])
	b.visit("/")
	b.to("input[value=birds]")
	b.press(" ")
	b.to("input[value=pets]")
	b.press(" ")
	b.to("#go-compare")
	b.press(kb.Enter)
	b.until(`location.pathname === "/compare" && document.querySelectorAll("table").length > 2`)
	b.quiet()
}

// TestPromptByKeyboard draws pictures for a prompt, opens one, finds its neighbours, and draws more like it.
func TestPromptByKeyboard(t *testing.T) {
	for _, v := range []view{views[0], views[2]} {
		t.Run(v.name, func(t *testing.T) {
			b := open(t, serve(t, studio.Options{Runs: runs(t), Program: "none"}))
			b.look(v)
			b.visit("/prompt")
			b.to("#prompts")
			b.press("a small red bird")
			b.to("#more summary")
			b.press(kb.Enter)
			b.to("#rank")
			b.press("5")
			b.check("settings", v)
			b.to("#form button.primary")
			b.press(kb.Enter)
			b.until(`document.querySelectorAll("#results button.tile img").length === 4`)
			b.screenshot("drawn")
			b.to("#results .tile")
			b.press(kb.Enter)
			b.until(`document.querySelector("#picture").open && document.querySelectorAll("#picture-near img").length === 3`)
			if facts := value[string](b, `document.querySelector("#picture-facts").innerText`); facts == "" {
				b.Error("a picture has no settings")
			}
			b.check("picture", v)
			b.press(kb.Escape)
			b.until(`!document.querySelector("#picture").open && document.activeElement.matches("#results .tile")`)
			b.press(kb.Enter)
			b.to("#picture-actions button")
			b.press(kb.Enter)
			b.until(`document.querySelectorAll("#results .batch").length === 2 && document.querySelectorAll("#results button.tile").length === 8`)
			b.check("more", v)
			b.upload("#prime")
			b.until(`!document.querySelector("#prime-shown").hidden`)
			b.quiet()
		})
	}
}

// TestPromptProblem shows which field is wrong.
func TestPromptProblem(t *testing.T) {
	b := open(t, serve(t, studio.Options{Runs: runs(t), Program: "none"}))
	b.look(views[0])
	b.visit("/prompt")
	b.do(chromedp.SendKeys("#prompts", "a bird"))
	value[bool](b, `document.querySelector("#temperature").closest("details").open = true; document.querySelector("#rank").value = 2; document.querySelector("#n").value = 3; true`)
	b.to("#form button.primary")
	b.press(kb.Enter)
	b.until(`document.querySelector("#problem").textContent !== ""`)
	if wrong := value[string](b, `document.querySelector("[aria-invalid]")?.id || ""`); wrong != "rank" {
		b.Errorf("%q is marked", wrong)
	}
	b.problems = nil // the answer with status 400 is one
}

// TestSampleByKeyboard draws pictures of a class, moves one along a direction, and walks from it.
func TestSampleByKeyboard(t *testing.T) {
	for _, v := range []view{views[1], views[3]} {
		t.Run(v.name, func(t *testing.T) {
			b := open(t, serve(t, studio.Options{Runs: runs(t), Program: "none"}))
			b.look(v)
			b.visit("/sample")
			b.to("#temperature")
			b.press(kb.ArrowLeft)
			b.to("#form button.primary")
			b.press(kb.Enter)
			b.until(`document.querySelectorAll("#results button.tile img").length === 12`)
			b.screenshot("drawn")
			if text := value[string](b, `document.querySelector("#results .tile .text").textContent`); len(text) < 6 || text[:4] != "ln p" {
				b.Errorf("the density is %q", text)
			}
			b.to("#results .tile")
			b.press(kb.Enter)
			b.until(`document.querySelectorAll("#picture-near img").length === 3`)
			b.check("picture", v)
			b.to("#picture-actions button:nth-child(2)") // move it
			b.press(kb.Enter)
			b.until(`document.activeElement.id === "direction-0" && !document.querySelector("#moved").hidden`)
			before := value[string](b, `document.querySelector("#moved").src`)
			b.press(kb.ArrowRight, kb.ArrowRight, kb.ArrowRight)
			b.until(fmt.Sprintf(`document.querySelector("#moved").src !== %q`, before))
			b.upload("#to-photo")
			b.until(`!document.querySelector("#to-image").hidden`)
			b.to("#walk-form button")
			b.press(kb.Enter)
			b.until(`!document.querySelector("#player").hidden`)
			if kind := value[string](b, `fetch(document.querySelector("#walk-download").href).then((a) => a.headers.get("Content-Type"))`); kind != "image/gif" {
				b.Errorf("the animation to download is %q", kind)
			}
			b.to("#position")
			b.press(kb.ArrowRight)
			b.to("#play")
			b.press(kb.Enter)
			b.until(`document.querySelector("#play").textContent === "Pause"`)
			b.press(kb.Enter)
			b.upload("#density-photo")
			b.until(`document.querySelectorAll("#density-shown dd").length === 2`)
			b.check("walk", v)
			b.quiet()
		})
	}
}
