// Package security decides which requests a server answers: by host, origin and token. It sets the header fields that
// bound what a page may do.
package security

import (
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
)

// Policy says what a server answers.
type Policy struct {
	Token string   // that a request needs; "" needs none
	Hosts []string // names under which the server is reached, beside localhost and addresses

	// Refuse answers a request with an error. nil writes problem details.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
}

// NewToken returns a token that can't be guessed.
func NewToken() string { return rand.Text() }

// Loopback reports whether an address to listen on is reached from this machine only.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

const cookieName = "bestiary-token"

// content is the Content-Security-Policy: nothing inline, nothing from elsewhere.
const content = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
	"manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Wrap protects a handler.
func (p Policy) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", content)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		if err := p.check(r); err != nil {
			if problem.Of(err).Status == http.StatusUnauthorized {
				h.Set("WWW-Authenticate", `Bearer realm="bestiary"`)
			}
			if p.Refuse != nil {
				p.Refuse(w, r, err)
			} else {
				problem.Write(w, err)
			}
			return
		}
		if p.Token != "" && r.Method == http.MethodGet && r.URL.Query().Has("token") { // the address that the server prints
			http.SetCookie(w, &http.Cookie{Name: cookieName, Value: p.Token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			to := *r.URL
			q := to.Query()
			q.Del("token")
			to.RawQuery = q.Encode()
			to.Scheme, to.Host = "", ""
			to.Path = "/" + strings.TrimLeft(to.Path, "/") // not another host
			http.Redirect(w, r, to.String(), http.StatusSeeOther)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (p Policy) check(r *http.Request) error {
	if !p.known(r.Host) {
		return problem.New(http.StatusMisdirectedRequest, "this server isn't reached under the name that the request has; start it with that name as a host")
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		from, err := url.Parse(origin)
		if err != nil || from.Host == "" || !strings.EqualFold(from.Host, r.Host) {
			return problem.New(http.StatusForbidden, "the request comes from a page of another site")
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); r.Method != http.MethodGet && r.Method != http.MethodHead && site != "" && site != "same-origin" && site != "none" {
		return problem.New(http.StatusForbidden, "the request comes from a page of another site")
	}
	if p.Token != "" && r.URL.Path != "/healthz" && !p.authorised(r) {
		return problem.New(http.StatusUnauthorized, "the request needs the server's token: as \"Authorization: Bearer …\", or open the address that the server printed")
	}
	return nil
}

// known reports whether the server is reached under a host: a page of another site whose name is pointed at this machine
// (DNS rebinding) names that site. Addresses can't be rebound.
func (p Policy) known(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" {
		return true
	}
	for _, name := range p.Hosts {
		if host == strings.ToLower(name) {
			return true
		}
	}
	return false
}

func (p Policy) authorised(r *http.Request) bool {
	said := []string{r.URL.Query().Get("token")}
	if kind, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(kind, "Bearer") {
		said = append(said, strings.TrimSpace(token))
	}
	if c, err := r.Cookie(cookieName); err == nil {
		said = append(said, c.Value)
	}
	for _, token := range said {
		if subtle.ConstantTimeCompare([]byte(token), []byte(p.Token)) == 1 {
			return true
		}
	}
	return false
}
