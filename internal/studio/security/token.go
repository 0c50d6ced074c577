package security

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/wire"
)

// NewToken returns a token that can't be guessed.
func NewToken() string { return rand.Text() }

const cookieName = "bestiary-token"

// SignIn is the path to which the form of [Policy].Ask is posted.
const SignIn = "/token"

// maxForm bounds the body of that form.
const maxForm = 16 << 10

// open reports whether a request needs no token: whether the server is there, and what the page of [Policy].Ask looks
// like.
func open(r *http.Request) bool {
	return r.URL.Path == "/healthz" || strings.HasPrefix(r.URL.Path, "/assets/") && path.Clean(r.URL.Path) == r.URL.Path
}

// authorised reports whether a request has the token: as a bearer, as the cookie, or in the address.
func (p Policy) authorised(r *http.Request) bool {
	if kind, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(kind, "Bearer") && p.is(strings.TrimSpace(token)) {
		return true
	}
	if c, err := r.Cookie(cookieName); err == nil && p.is(c.Value) {
		return true
	}
	return p.is(r.URL.Query().Get("token"))
}

// is reports whether a token is the server's. The time that it takes depends neither on where the two differ nor on how
// long the server's token is.
func (p Policy) is(token string) bool {
	said, own := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(p.Token))
	return subtle.ConstantTimeCompare(said[:], own[:]) == 1
}

// unauthorised answers a request without the token: a browser with a page that asks for it, others with an error.
func (p Policy) unauthorised(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="bestiary"`)
	if p.Ask != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.Contains(r.Header.Get("Accept"), "text/html") {
		p.ask(w, r.URL, r.URL.Query().Has("token"))
		return
	}
	p.refuse(w, r, problem.New(http.StatusUnauthorized, "the request needs the server's token: as \"Authorization: Bearer …\", or open the address that the server printed"))
}

func (p Policy) ask(w http.ResponseWriter, to *url.URL, wrong bool) {
	// Without a referrer, browsers say that the form comes from nowhere. The origin has no token, an address may have one.
	w.Header().Set("Referrer-Policy", "strict-origin")
	p.Ask(w, here(to), wrong)
}

// signIn answers the form of the page that asks for the token.
func (p Policy) signIn(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		p.refuse(w, r, problem.New(http.StatusUnsupportedMediaType, "the body must be a form: application/x-www-form-urlencoded"))
		return
	}
	raw, err := wire.Body(w, r, maxForm)
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		p.refuse(w, r, problem.New(http.StatusBadRequest, "the body is not a form"))
		return
	}
	to, err := url.Parse(form.Get("to"))
	if err != nil {
		to = &url.URL{}
	}
	switch {
	case p.is(strings.TrimSpace(form.Get("token"))):
		p.letIn(w, r, to)
	case p.Ask != nil:
		p.ask(w, to, true)
	default:
		p.refuse(w, r, problem.New(http.StatusUnauthorized, "this is not the server's token"))
	}
}

// letIn gives a browser the cookie with the token, and sends it to a page.
func (p Policy) letIn(w http.ResponseWriter, r *http.Request, to *url.URL) {
	// #nosec G124 -- not Secure: the server speaks HTTP
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: p.Token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, here(to), http.StatusSeeOther) // #nosec G710 -- here has no host
}

// here returns the address of a page on this server, whatever host to names, without a token.
func here(to *url.URL) string {
	q := to.Query()
	q.Del("token")
	own := url.URL{Path: "/" + strings.TrimLeft(to.Path, `/\`), RawQuery: q.Encode()}
	if own.Path == SignIn { // the address bar, after a wrong token
		return "/"
	}
	return own.String()
}
