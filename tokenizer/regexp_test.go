package tokenizer

import (
	"strings"
	"testing"
)

// TestExpressions checks matches where the syntax of Oniguruma differs from that of the library that matches.
func TestExpressions(t *testing.T) {
	for _, c := range []struct{ expression, text, want string }{
		{`^a|b$`, "ab\nab\n", "[a][b]\n[a][b]\n"},
		{`^`, "a\n", "[]a\n"}, // no line starts at the end of the text
		{`a\Z`, "a\na\n", "a\n[a]\n"},
		{`x*`, "axxb", "[]a[xx]b[]"}, // no empty match right behind a match
		{`a++b?a*`, "aaab", "[aaab]"},
		{`a*+a`, "aaa", "aaa"},
		{`(?i)k|[s]`, "KkKſS", "[K][k][K][ſ][S]"},
		{`(?m:.)b.`, "\nb\nbc", "\nb[\nbc]"},
		{`\w\b`, "é½ bird", "é[½] bir[d]"},
		{`[[:upper:]&&[^É]]`, "AÉB", "[A]É[B]"},
		{`\p{^Greek}+`, "abγd", "[ab]γ[d]"},
		{`(?<n>a){,2}`, "aaa", "[aa][a]"},
		{`(?<=é|鳥)\h`, "éa鳥f", "é[a]鳥[f]"},
	} {
		e, err := compileExpression(c.expression)
		if err != nil {
			t.Error(err)
			continue
		}
		var got strings.Builder
		for _, m := range matchesOf(e)([]byte(c.text), new(scratch), nil) {
			if part := c.text[m.start:m.end]; m.hit {
				got.WriteString("[" + part + "]")
			} else {
				got.WriteString(part)
			}
		}
		if got.String() != c.want {
			t.Errorf("%s: %q, not %q", c.expression, got.String(), c.want)
		}
	}
}

// TestExpressionErrors checks that what is not supported is refused by name.
func TestExpressionErrors(t *testing.T) {
	for expression, want := range map[string]string{
		`(a)\1`:                   `\1, which is not supported`,
		`\X`:                      `\X, which is not supported`,
		`(?x)a`:                   `the option or group (?x, which is not supported`,
		`a(?i)b`:                  "an option in the middle of a group",
		`(?<=(?>a|ab))c`:          "an atomic group in a lookbehind, which is not supported",
		`(?<!a++)c`:               "an atomic group in a lookbehind, which is not supported",
		`(?i)ss`:                  "letters that are one character in another case",
		`\p{Klingon}`:             `the class "Klingon", which is not supported`,
		`[a`:                      "a bracket that has no end",
		`a)`:                      "a parenthesis that nothing opens",
		`*a`:                      "a * that repeats nothing",
		`a{2000}`:                 "a repetition of more than 1000 times, or of fewer at most than at least",
		`a**`:                     "a repetition of a repetition",
		`^*`:                      "a repetition of an assertion",
		strings.Repeat("(", 60):   "more than 50 groups in one another",
		strings.Repeat(`a`, 3e4):  "more than 20000 bytes",
		strings.Repeat(`\w`, 5e3): "more classes than fit into 4194304 bytes",
	} {
		if _, err := compileExpression(expression); err == nil || !strings.HasSuffix(err.Error(), ", with "+want) {
			t.Errorf("%.30s: %v", expression, err)
		}
	}
}
