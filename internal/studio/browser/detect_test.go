package browser

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/studio"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestDetectByKeyboard looks for objects in a photo, moves the least score, and copies the result. The detector is not trained, so its
// scores are near a quarter.
func TestDetectByKeyboard(t *testing.T) {
	for _, v := range []view{views[0], views[3]} {
		t.Run(v.name, func(t *testing.T) {
			b := open(t, serve(t, studio.Options{Runs: runs(t), Program: "none"}))
			b.look(v)
			b.visit("/detect?run=scenes")
			b.upload("#photo")
			b.until(`!document.querySelector("#result").hidden && /^[0-9]+ objects?$/.test(document.querySelector("#state").textContent)`)
			b.to("#score")
			b.press(kb.Home)
			b.until(`document.querySelector("#score-shown").value === "0.05" && document.querySelectorAll("#boxes .box").length > 0`)
			b.check("found", v)
			all := value[int64](b, `document.querySelectorAll("#boxes .box").length`)
			if rows := value[int64](b, `document.querySelectorAll("#objects tr").length`); rows != all {
				b.Errorf("%d boxes and %d rows", all, rows)
			}
			if wrong := value[string](b, `(() => {
				const r = JSON.parse(document.querySelector("#json").textContent), i = r.images[0];
				const image = document.querySelector("#image").getBoundingClientRect(), box = document.querySelector("#boxes").lastChild.getBoundingClientRect();
				const [x, y, w] = r.detections[0].bbox, scale = image.width / i.width;
				if (i.width !== 200 || i.height !== 150) return JSON.stringify(i);
				const off = Math.max(Math.abs(image.left + x * scale - box.left), Math.abs(image.top + y * scale - box.top), Math.abs(w * scale - box.width));
				return off < 1 ? "" : "the box of the best object is " + off + " pixels off";
			})()`); wrong != "" {
				b.Error(wrong)
			}
			b.to("#copy")
			b.press(kb.Enter)
			b.until(`document.querySelector("#copied").textContent !== ""`)
			b.to("#score")
			b.press(kb.End)
			b.until(`document.querySelectorAll("#boxes .box").length === 0 && JSON.parse(document.querySelector("#json").textContent).detections.length === 0`)
			b.quiet()
		})
	}
}

// TestDetectProblem chooses a file that is no picture, and drops a picture afterwards.
func TestDetectProblem(t *testing.T) {
	b := open(t, serve(t, studio.Options{Runs: runs(t), Program: "none"}))
	b.look(views[0])
	b.visit("/detect")
	path := filepath.Join(t.TempDir(), "photo.png")
	if err := os.WriteFile(path, []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.SetUploadFiles("#photo", []string{path}))
	b.until(`document.querySelector("#problem").textContent.includes("is not a picture") && document.querySelector("#photo").getAttribute("aria-invalid") === "true"`)
	b.problems = nil // the answer with status 400
	value[bool](b, `(async () => {
		const canvas = document.createElement("canvas");
		canvas.getContext("2d").fillRect(20, 20, 60, 60);
		const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
		const files = new DataTransfer();
		files.items.add(new File([blob], "dropped.png", { type: "image/png" }));
		document.querySelector("#drop").dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
		return true;
	})()`)
	b.until(`!document.querySelector("#result").hidden && document.querySelector("#problem").textContent === "" && document.querySelector("#image").naturalWidth === 300`)
	b.quiet()
}

// TestTrainDetector offers pictures with boxes to a detector, and others to the rest.
func TestTrainDetector(t *testing.T) {
	b := open(t, serve(t, studio.Options{Runs: runs(t), Program: "none"}))
	b.look(views[0])
	b.visit("/train")
	choose := func(model, data string) {
		t.Helper()
		got := value[string](b, `(() => {
			const model = document.querySelector("#model");
			model.value = "`+model+`";
			model.dispatchEvent(new Event("change"));
			return [...document.querySelector("#data").options].filter((o) => !o.disabled).map((o) => o.value).join(" ") + "; " + document.querySelector("#data").value;
		})()`)
		if got != data {
			t.Errorf("%s is offered %q, want %q", model, got, data)
		}
	}
	choose("ssd", "scenes:1:2000; scenes:1:2000")
	b.check("detector", views[0])
	choose("autoencoder", "birds:1:2000 drawn:1:2000; birds:1:2000")
	choose("flow", " birds:1:2000 drawn:1:2000; ")
	choose("ssd", "scenes:1:2000; scenes:1:2000")
	b.quiet()
}
