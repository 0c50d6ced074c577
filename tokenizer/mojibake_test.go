package tokenizer

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
)

// TestMojibake decodes UTF-8 with single-byte encodings, once and twice, and checks that the text comes back.
func TestMojibake(t *testing.T) {
	for _, text := range []string{"déjà vu", "Ångström naïve", "“bird’s” wing — £5…", "Привет мир", "黄色的小鸟", "🐦 bird", "°C"} {
		for _, encoding := range []*charmap.Charmap{charmap.Windows1252, charmap.ISO8859_1, charmap.Macintosh, charmap.CodePage437} {
			wrong := text
			for times := 1; times <= 2; times++ {
				var out strings.Builder
				for _, b := range []byte(wrong) {
					r := encoding.DecodeByte(b)
					if r == '\uFFFD' {
						r = rune(b)
					}
					out.WriteRune(r)
				}
				wrong = out.String()
				if got := fixEncoding(wrong); got != text {
					t.Errorf("%v, %d times: %q is %q, not %q", encoding, times, wrong, got, text)
				}
			}
		}
	}
}

// TestPlausibleText checks that text stays whose characters could be UTF-8 in a single-byte encoding by chance.
func TestPlausibleText(t *testing.T) {
	for _, text := range []string{
		"“résumé…”", "CAFÉ™ CAFÉ®", "“ÉTÉ” «ÉTÉ»", "VÝŽIVA Úžasný", "MAÇÃ” MAÇÃ…", "«école» “école” ‘état’", "Від Україна", "«Від»",
		"32В° Γ°", "Ш№5", "À… É—", "Straße“ „Äpfel‘", "Łódź żółć", "Győr “Őszi”", "İstanbul’da ığdır", "Œuvre — œuvre…", "π≈3 √2 ≈ 1",
		"£5–€7 ½—¾", "año ¿Qué? ¡Olé!", "Île-d’Aix • Étang", "В—Г В… Г»", "Ὀδύσσεια", "Ελλάδα’ς «Ώ»", "©®™ ±½°", "日本語“鳥”", "m³ à", "한국어",
	} {
		if got := fixEncoding(text); got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}
