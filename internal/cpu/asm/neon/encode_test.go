package neon

import (
	"bytes"
	"encoding/binary"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// every is each instruction with some registers, among them the first and the last.
func every() (words []Word) {
	for _, r := range [][3]int{{0, 1, 2}, {31, 17, 30}, {5, 31, 9}} {
		a, b, c := r[0], r[1], r[2]
		base, index := b%29, c%29
		for _, name := range slices.Sorted(maps.Keys(forms)) {
			words = append(words, Vector(name, r[:len(forms[name].shapes)]...))
		}
		for lane := range 4 {
			words = append(words, MultiplyAdd(a, b, c, lane))
		}
		for _, name := range []string{"SSHR", "USHR", "SHL", "USHR.2D"} {
			words = append(words, Shift(name, a, b, 1), Shift(name, a, b, 23))
		}
		for _, size := range []Size{Single, Double, Quad} {
			words = append(words, Load(size, a, base, 0), Load(size, a, base, 48), Store(size, a, base, 64), LoadIndexed(size, a, base, index))
		}
		words = append(words, Move(a, b), Zero(a), Negative(a, b), Broadcast(a, b), BroadcastQuad(a, base), Insert(a, b),
			Extract(a, b, c, 8), AddDouble(a, b, c), LoadPair(a, c, base, 32), LoadPair(a, c, base, -16), StorePair(a, c, base, 0))
	}
	return words
}

// TestEncodings compares all encodings with those of the GNU assembler, where it is installed.
func TestEncodings(t *testing.T) {
	const assembler = "aarch64-linux-gnu-as"
	if _, err := exec.LookPath(assembler); err != nil {
		t.Skipf("%s is not installed (Debian: binutils-aarch64-linux-gnu)", assembler)
	}
	folder := t.TempDir()
	source, object, image := filepath.Join(folder, "a.s"), filepath.Join(folder, "a.o"), filepath.Join(folder, "a.bin")
	var text bytes.Buffer
	for _, w := range every() {
		text.WriteString(w.Text + "\n")
	}
	if err := os.WriteFile(source, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []*exec.Cmd{
		exec.Command(assembler, "-o", object, source), exec.Command("aarch64-linux-gnu-objcopy", "-O", "binary", "-j", ".text", object, image),
	} {
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	code, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	words := every()
	if len(code) != 4*len(words) {
		t.Fatalf("%d bytes for %d instructions", len(code), len(words))
	}
	for i, w := range words {
		if want := binary.LittleEndian.Uint32(code[4*i:]); w.Code != want {
			t.Errorf("%s is %08x, want %08x", w.Text, w.Code, want)
		}
	}
}

// TestKnownEncodings needs no assembler: the numbers are from one.
func TestKnownEncodings(t *testing.T) {
	for _, c := range []struct {
		word Word
		code uint32
		text string
	}{
		{Vector("FADD", 0, 1, 2), 0x4e22d420, "fadd v0.4s, v1.4s, v2.4s"},
		{MultiplyAdd(0, 1, 2, 3), 0x4fa21820, "fmla v0.4s, v1.4s, v2.s[3]"},
		{Shift("SHL", 31, 17, 23), 0x4f37563f, "shl v31.4s, v17.4s, #23"},
		{LoadPair(5, 9, 2, 32), 0xad412445, "ldp q5, q9, [x2, #32]"},
	} {
		if c.word.Code != c.code || c.word.Text != c.text {
			t.Errorf("%08x %q, want %08x %q", c.word.Code, c.word.Text, c.code, c.text)
		}
	}
}
