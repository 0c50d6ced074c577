package security

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const own = "a-token-of-the-test"

// guarded is a handler behind a policy with a token, and the requests that have come through.
func guarded(t *testing.T) (http.Handler, *[]string) {
	t.Helper()
	var through []string
	p := Policy{
		Token: own, Hosts: []string{"studio.example.org"},
		Ask: func(w http.ResponseWriter, to string, wrong bool) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "ask "+to) // tests read it
		},
	}
	return p.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { through = append(through, r.URL.Path) })), &through
}

func send(h http.Handler, method, target, body string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:8080"
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// TestToken sends requests with the token and with what resembles it.
func TestToken(t *testing.T) {
	h, through := guarded(t)
	for _, header := range [][]string{{"Authorization", "Bearer " + own}, {"Authorization", "bearer  " + own}, {"Cookie", cookieName + "=" + own}} {
		if a := send(h, "GET", "/api/runs", "", header...); a.StatusCode != http.StatusOK {
			t.Errorf("%v: %d", header, a.StatusCode)
		}
	}
	*through = nil
	wrong := []string{"", own[:len(own)-1], own + "x", strings.ToUpper(own), own + "\x00", " ", own + own, own[1:], strings.Repeat("a", 1<<16)}
	for _, said := range wrong {
		for _, header := range [][]string{{"Authorization", "Bearer " + said}, {"Authorization", "Basic " + said}, {"Cookie", cookieName + "=" + said}, {}} {
			for _, target := range []string{"/api/runs", "/api/runs?token=" + url.QueryEscape(said), "/", "/v1/models", "/assets/../api/runs", "/assets//x", "/assets/%2e%2e/api/runs", "/healthz/"} {
				a := send(h, "GET", target, "", header...)
				if a.StatusCode != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") == "" || len(a.Cookies()) > 0 {
					t.Errorf("%.30q as %.30v at %.40s: %d", said, header, target, a.StatusCode)
				}
			}
		}
	}
	if len(*through) > 0 {
		t.Errorf("came through: %v", *through)
	}
	for _, target := range []string{"/healthz", "/assets/studio.css"} {
		if a := send(h, "GET", target, ""); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d without a token", target, a.StatusCode)
		}
	}
}

// TestTokenInAddress opens the address that the server prints: the token moves to a cookie.
func TestTokenInAddress(t *testing.T) {
	h, _ := guarded(t)
	a := send(h, "GET", "//evil.example/prompt?run=a%26b&token="+own, "")
	if to := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || to != "/evil.example/prompt?run=a%26b" {
		t.Errorf("%d, leads to %q", a.StatusCode, to)
	}
	expectCookie(t, a)
}

func expectCookie(t *testing.T, a *http.Response) {
	t.Helper()
	all := a.Cookies()
	if len(all) != 1 || all[0].Value != own || !all[0].HttpOnly || all[0].SameSite != http.SameSiteStrictMode || all[0].Path != "/" || all[0].Domain != "" {
		t.Errorf("cookies %v", all)
	}
}

// TestAsk gives the token in the form of the page that asks for it.
func TestAsk(t *testing.T) {
	h, through := guarded(t)
	page := []string{"Accept", "text/html,*/*"}
	form := []string{"Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html", "Origin", "http://127.0.0.1:8080", "Sec-Fetch-Site", "same-origin"}
	a := send(h, "GET", "/prompt?run=birds&token=wrong", "", page...)
	if text, _ := io.ReadAll(a.Body); a.StatusCode != http.StatusUnauthorized || string(text) != "ask /prompt?run=birds" {
		t.Errorf("%d %s", a.StatusCode, text)
	}
	// Browsers send "Origin: null" with a form of a page whose policy is no-referrer.
	if policy := a.Header.Get("Referrer-Policy"); policy != "strict-origin" {
		t.Errorf("policy %q", policy)
	}
	if a := send(h, "POST", "/api/jobs", "{}", page...); a.Header.Get("Content-Type") != "application/problem+json" {
		t.Error("a program is answered with a page")
	}
	for to, want := range map[string]string{
		"/prompt?run=birds": "/prompt?run=birds", "": "/", "https://evil.example/x": "/x", "//evil.example": "/", "///evil.example": "/evil.example",
		`/\evil.example`: "/evil.example", "javascript:alert(1)": "/", "/token": "/", "/x?token=" + own: "/x", "%zz": "/", "/a\r\nSet-Cookie: x=y": "/",
	} {
		a := send(h, "POST", SignIn, url.Values{"token": {own}, "to": {to}}.Encode(), form...)
		if got := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || got != want {
			t.Errorf("%q: %d, leads to %q, want %q", to, a.StatusCode, got, want)
		}
		expectCookie(t, a)
	}

	refused := func(name string, code int, a *http.Response) {
		t.Helper()
		if a.StatusCode != code || len(a.Cookies()) > 0 || a.Header.Get("Location") != "" {
			t.Errorf("%s: %d, cookies %v, leads to %q", name, a.StatusCode, a.Cookies(), a.Header.Get("Location"))
		}
	}
	right := "token=" + own
	refused("a wrong token", 401, send(h, "POST", SignIn, "token="+own[1:], form...))
	refused("no token", 401, send(h, "POST", SignIn, "", form...))
	refused("a token in the address only", 401, send(h, "POST", SignIn+"?"+right, "", form...))
	refused("JSON", 401, send(h, "POST", SignIn, `{"token":"`+own+`"}`, form...))
	refused("no form", 400, send(h, "POST", SignIn, "%zz;"+right, form...))
	refused("a long form", 413, send(h, "POST", SignIn, right+"&x="+strings.Repeat("x", maxForm), form...))
	refused("another site", 403, send(h, "POST", SignIn, right, "Origin", "https://evil.example"))
	refused("a frame without origin", 403, send(h, "POST", SignIn, right, "Origin", "null"))
	refused("another site without origin", 403, send(h, "POST", SignIn, right, "Sec-Fetch-Site", "cross-site"))
	refused("another port", 403, send(h, "POST", SignIn, right, "Origin", "http://127.0.0.1:9090"))
	refused("another host", 421, send(h, "POST", SignIn, right, "Host", "evil.example"))
	refused("a form in the address", 401, send(h, "GET", SignIn, right, form...))
	if len(*through) > 0 {
		t.Errorf("came through: %v", *through)
	}
}

// TestHosts names the server as pages of other sites do.
func TestHosts(t *testing.T) {
	h, through := guarded(t)
	bearer := []string{"Authorization", "Bearer " + own}
	for _, host := range []string{"localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1", "[::1]:8080", "192.168.0.7:8080", "Studio.Example.org", "studio.example.org:443"} {
		if a := send(h, "GET", "/", "", append(bearer, "Host", host)...); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", host, a.StatusCode)
		}
	}
	*through = nil
	for _, host := range []string{"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "studio.example.org.evil.example", "evil-localhost", "", "localhost@evil.example", "2130706433.evil.example:80"} {
		if a := send(h, "GET", "/", "", append(bearer, "Host", host)...); a.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%q: %d", host, a.StatusCode)
		}
	}
	for _, header := range [][]string{{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Origin", "http://127.0.0.1:8081"}, {"Origin", "http://127.0.0.1.evil.example:8080"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
		if a := send(h, "POST", "/api/jobs", "{}", append(bearer, header...)...); a.StatusCode != http.StatusForbidden {
			t.Errorf("%v: %d", header, a.StatusCode)
		}
	}
	if len(*through) > 0 {
		t.Errorf("came through: %v", *through)
	}
}

// TestConstantTime expects that no file compares the token with an operator, whose time depends on where the two differ.
func TestConstantTime(t *testing.T) {
	for _, name := range []string{"security.go", "token.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			b, ok := n.(*ast.BinaryExpr)
			if !ok || b.Op != token.EQL && b.Op != token.NEQ {
				return true
			}
			for i, side := range []ast.Expr{b.X, b.Y} {
				if s, ok := side.(*ast.SelectorExpr); ok && (s.Sel.Name == "Token" || s.Sel.Name == "Value") {
					if l, ok := []ast.Expr{b.Y, b.X}[i].(*ast.BasicLit); !ok || l.Value != `""` {
						t.Errorf("%s compares %s", name, s.Sel.Name)
					}
				}
			}
			return true
		})
	}
	p := Policy{Token: own}
	if !p.is(own) || p.is(own[1:]) {
		t.Error("the comparison is wrong")
	}
}
