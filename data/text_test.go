package data

import (
	"encoding/binary"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

func toUTF16(s string, order binary.AppendByteOrder, mark bool) []byte {
	var b []byte
	if mark {
		b = order.AppendUint16(b, 0xfeff)
	}
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

func TestDecodeText(t *testing.T) {
	const text = "a bird, blue\r\nein großer Vogel\r鳥 🐦\n"
	const want = "a bird, blue\nein großer Vogel\n鳥 🐦\n"
	for name, test := range map[string]struct {
		text []byte
		want string
	}{
		"UTF-8":                        {[]byte(text), want},
		"UTF-8 with a mark":            {[]byte("\ufeff" + text), want},
		"UTF-16 little":                {toUTF16(text, binary.LittleEndian, true), want},
		"UTF-16 big":                   {toUTF16(text, binary.BigEndian, true), want},
		"UTF-16 little without a mark": {toUTF16(text, binary.LittleEndian, false), want},
		"UTF-16 big without a mark":    {toUTF16(text, binary.BigEndian, false), want},
		"empty":                        {nil, ""},
		"mark alone":                   {[]byte("\xff\xfe"), ""},
		"only \\r":                     {[]byte("one\rtwo\r\rthree"), "one\ntwo\n\nthree"},
		"NUL in UTF-8":                 {[]byte("a black bird with\x00 a tail."), "a black bird with\x00 a tail."},
		"Latin-1":                      {[]byte("gro\xdf"), "gro\xdf"},
	} {
		if got, err := DecodeText(test.text); err != nil || string(got) != test.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, text := range map[string]string{
		"UTF-32": "\xff\xfe\x00\x00a\x00\x00\x00", "odd": "\xff\xfea", "half a surrogate": "\xff\xfe\x3d\xd8", "surrogates the wrong way round": "\xfe\xff\xdc\x26\xd8\x3d",
	} {
		if _, err := DecodeText([]byte(text)); err == nil || !strings.Contains(err.Error(), "save it as UTF-8") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCaptionLines(t *testing.T) {
	for name, test := range map[string]struct {
		text    string
		want    []string
		blank   []string
		leftOut []string
	}{
		"trimmed":         {"  a bird \t\u00a0\u3000\n\u200ba wren\u200b\ufeff \x00\n", []string{"a bird", "a wren"}, nil, nil},
		"only \\r":        {"a bird\ra wren\r\ra jay", []string{"a bird", "a wren", "a jay"}, []string{"f:3"}, nil},
		"invisible":       {"\u200b\n\u200d\ufe0f\n\u00ad\n\u2800\u3164\n\u0301\n\u202e\n\x1b\x07\na", []string{"a"}, []string{"f:1", "f:2", "f:3", "f:4", "f:5", "f:6", "f:7"}, nil},
		"visible":         {"…\n🦜\n1️⃣\n?\n🏴\U000e0067\U000e0062\U000e007f", []string{"…", "🦜", "1️⃣", "?", "🏴\U000e0067\U000e0062\U000e007f"}, nil, nil},
		"NUL":             {"a\x00b\nc", []string{"c"}, nil, []string{"f:1"}},
		"Latin-1":         {"gro\xdf\nc", []string{"c"}, nil, []string{"f:1"}},
		"UTF-16":          {string(toUTF16("a bird\r\n\u200b\r\na wren", binary.LittleEndian, true)), []string{"a bird", "a wren"}, []string{"f:2"}, nil},
		"broken UTF-16":   {"\xff\xfe\x00\xd8", nil, nil, []string{"f"}},
		"joiners inside":  {"क\u094d\u200dष", []string{"क\u094d\u200dष"}, nil, nil},
		"joined by marks": {"a\n\ufeffb", []string{"a", "b"}, nil, nil},
	} {
		c := &captions{}
		got := c.lines("f", []byte(test.text))
		var leftOut []string
		for _, p := range c.LeftOut {
			leftOut = append(leftOut, p.Name)
		}
		if !slices.Equal(got, test.want) || !slices.Equal(c.Blank, test.blank) || !slices.Equal(leftOut, test.leftOut) {
			t.Errorf("%s: %q, blank %q, left out %+v", name, got, c.Blank, c.LeftOut)
		}
	}
}

// TestTextFiles reads captions of other encodings from a folder.
func TestTextFiles(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string][]byte{
		"a": toUTF16("a bird", binary.LittleEndian, true), "b": toUTF16("a bird", binary.BigEndian, false), "c": []byte("\u200b\n \n"),
	} {
		write(t, filepath.Join(root, "wren", name+".png"), grey(t, 1))
		write(t, filepath.Join(root, "wren", name+".txt"), text)
	}
	s, err := Pairs(root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := Load(s, Options{Size: 4, Cache: NoCache, Captions: true})
	if err != nil || d.Len() != 2 || d.Captions[0][0] != "a bird" || d.Captions[1][0] != "a bird" {
		t.Fatalf("%+v, %v", d, err)
	}
	if report := d.Report.String(); !strings.Contains(report, "pictures without captions, left out: 1: wren/c.png") {
		t.Errorf("report:\n%s", report)
	}
}

func FuzzDecodeText(f *testing.F) {
	f.Add([]byte("a\r\nb"))
	f.Add(toUTF16("a bird", binary.LittleEndian, true))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := &captions{}
		for _, line := range c.lines("f", text) {
			if line != trimCaption(line) || strings.ContainsAny(line, "\n\r\x00") || !visible(line) {
				t.Errorf("%q gives the caption %q", text, line)
			}
		}
	})
}
