package browser

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// axe-core (MPL-2.0) checks accessibility. It is fetched from the npm registry, and isn't a part of this repository.
const (
	axePackage = "axe-core@4.14.1"
	axeSum     = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c" // SHA-256 of axe.min.js
)

// axe returns axe-core's script: the file that BESTIARY_AXE names, or that of npm.
var axe = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("BESTIARY_AXE"); path != "" {
		raw, err := os.ReadFile(path)
		return string(raw), err
	}
	dir, err := os.MkdirTemp("", "axe-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	install := exec.Command("npm", "install", "--silent", "--no-save", "--ignore-scripts", "--prefix", dir, axePackage)
	if err := install.Run(); err != nil {
		return "", err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	return string(raw), err
})

// violations returns what axe finds on the page. Without axe it returns nothing, and the test says so.
func (b *tab) violations() []string {
	b.Helper()
	script, err := axe()
	if err != nil {
		b.Logf("axe-core can't be had (%v): accessibility is not checked", err)
		return nil
	}
	if sum := sha256.Sum256([]byte(script)); hex.EncodeToString(sum[:]) != axeSum {
		b.Fatal("axe-core is not the version that was chosen")
	}
	value[bool](b, script+";true")
	return value[[]string](b, `axe.run(document, {resultTypes: ["violations"]}).then((r) =>
		r.violations.map((v) => v.id + ": " + v.help + ": " + v.nodes.map((n) => n.html.slice(0, 160) + " " + (n.failureSummary || "").slice(0, 200)).join(" | ")))`)
}
