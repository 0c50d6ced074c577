package browser

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/studio"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// archive writes a zip archive of pictures of two classes.
func archive(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "My Pets.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for i := range 40 {
		w, err := z.Create(fmt.Sprintf("%s/%d.png", []string{"cat", "dog"}[i%2], i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(photo(t, 40+i, 40)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTrain uploads an archive, trains on it, watches the losses, stops and resumes, by keyboard alone.
func TestTrain(t *testing.T) {
	dir := t.TempDir()
	b := open(t, serve(t, studio.Options{Runs: dir, Program: buildProgram(t)}))
	b.look(views[0])
	b.visit("/train")
	b.do(chromedp.SetUploadFiles("#archive", []string{archive(t)}))
	b.until(`document.querySelector("#archive-name").value === "my-pets"`)
	b.to("#upload-form button")
	b.press(kb.Enter)
	b.until(`document.querySelector("#data").value === "upload/my-pets"`)
	value[bool](b, `document.querySelector("#model").focus(); true`)
	b.press("A") // the autoencoder
	b.until(`document.querySelector("#model").value === "autoencoder" && document.querySelectorAll("[name=size]").length === 3`)
	value[bool](b, `document.querySelector("#data").value = "upload/my-pets"; true`)
	b.to("#steps")
	b.press("40000")
	b.check("form", views[0])
	b.to("#form button.primary")
	b.press(kb.Enter)
	b.until(`location.pathname.startsWith("/train/") && document.querySelectorAll(".chart path").length >= 2`)
	b.until(`/^[1-9].* of 40000$/.test(document.querySelector(".stats dd")?.textContent) && !document.querySelector("#stop")?.hidden`)
	for _, v := range views {
		b.look(v)
		b.check("running", v)
	}
	b.to("#stop")
	b.press(kb.Enter)
	b.until(`document.querySelector("#state")?.textContent === "stopped" && !document.querySelector("#resume").hidden`)
	b.to("#resume")
	b.press(kb.Enter)
	b.until(`document.querySelector("#state")?.textContent === "running"`)
	step := value[string](b, `document.querySelector(".stats dd")?.textContent`)
	b.until(fmt.Sprintf(`document.querySelector(".stats dd")?.textContent !== %q`, step))
	b.to("#stop")
	b.press(kb.Enter)
	b.until(`document.querySelector("#state")?.textContent === "stopped"`)
	b.visit("/runs/run-1")
	b.until(`document.querySelectorAll(".chart path").length >= 2`)
	b.check("trained", views[2])
	b.quiet()
}

// TestDemo starts the demo on the page of an empty folder, and stops it. The test itself is the program.
func TestDemo(t *testing.T) {
	t.Setenv("BESTIARY_FAKE_TRAINING", "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, serve(t, studio.Options{Runs: t.TempDir(), Program: self}))
	b.look(views[0])
	b.visit("/")
	b.to("[data-demo=quick]")
	b.press(kb.Enter)
	b.until(`location.pathname.startsWith("/train/") && document.querySelector("#state")?.textContent === "running"`)
	b.visit("/")
	b.until(`document.querySelector("main")?.innerText.includes("demo in demo")`)
	b.to(".list a")
	b.press(kb.Enter)
	b.until(`location.pathname.startsWith("/train/") && document.querySelector("#stop")`)
	b.to("#stop")
	b.press(kb.Enter)
	b.until(`document.querySelector("#state")?.textContent !== "running"`)
	b.quiet()
}

// TestToken opens the address that the server prints.
func TestToken(t *testing.T) {
	b := open(t, serve(t, studio.Options{Runs: runs(t), Program: "none", Token: "secret"}))
	b.look(views[0])
	b.visit("/prompt?token=secret")
	b.until(`location.search === ""`)
	b.do(chromedp.SendKeys("#prompts", "a bird"))
	b.to("#form button.primary")
	b.press(kb.Enter)
	b.until(`document.querySelectorAll("#results button.tile img").length === 4`)
	b.quiet()
}
