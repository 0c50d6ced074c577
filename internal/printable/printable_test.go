package printable

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "Füchse/狐 🦊.jpg": "Füchse/狐 🦊.jpg", `back\slash "quote"`: `back\slash "quote"`,
		"a\x1b[2Jb": `a\x1b[2Jb`, "a\nb\r\t\x00\x7f": `a\nb\r\t\x00\x7f`, "caf\xe9": `caf\xe9`, "\u202egpj.exe": `\u202egpj.exe`,
		"\u200b": `\u200b`, "\x9b31m": `\x9b31m`, "\u009b31m": `\u009b31m`, "a\u00a0b": `a\u00a0b`, "\ufffd": "\ufffd", "e\u0301": "e\u0301", "\u2028": `\u2028`,
	} {
		if got := Text(s); got != want {
			t.Errorf("%q became %q, want %q", s, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	for _, s := range []string{"short", strings.Repeat("x", 80), strings.Repeat("x", 81), strings.Repeat("é", 5000), strings.Repeat("\x1b", 5000), strings.Repeat("狐", 81)} {
		got := Short(s)
		if n := utf8.RuneCountInString(got); n > Most || len(s) <= Most && s[0] == 'x' && got != s {
			t.Errorf("%d characters became %d: %q", utf8.RuneCountInString(s), n, got)
		}
	}
}

func TestError(t *testing.T) {
	f := func() (err error) {
		defer Error(&err)
		return &fs.PathError{Op: "open", Path: "a\x1b]0;title\x07", Err: fs.ErrNotExist}
	}
	if err := f(); !errors.Is(err, fs.ErrNotExist) || err.Error() != `open a\x1b]0;title\a: file does not exist` {
		t.Errorf("%q", err)
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\x1b\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		if got := Text(s); !utf8.ValidString(got) || Text(got) != got || strings.ContainsAny(got, "\x1b\n\r\x00\u202e\u200b") {
			t.Errorf("%q became %q", s, got)
		}
		if n := utf8.RuneCountInString(Short(s)); n > Most {
			t.Errorf("%d characters", n)
		}
	})
}
