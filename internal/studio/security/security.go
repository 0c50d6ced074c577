// Package security decides which requests a server answers: by host, origin and token. It sets the header fields that
// bound what a page may do.
package security

import (
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
	// Ask answers a browser that has no token, or a wrong one, with a page whose form posts "token" and "to", the page to
	// open afterwards, to [SignIn]. nil refuses.
	Ask func(w http.ResponseWriter, to string, wrong bool)
}

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
			p.refuse(w, r, err)
			return
		}
		if p.Token == "" {
			next.ServeHTTP(w, r)
			return
		}
		switch {
		case r.Method == http.MethodPost && r.URL.Path == SignIn:
			p.signIn(w, r)
		case open(r):
			next.ServeHTTP(w, r)
		case !p.authorised(r):
			p.unauthorised(w, r)
		case r.Method == http.MethodGet && r.URL.Query().Has("token"): // the address that the server prints
			p.letIn(w, r, r.URL)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (p Policy) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if p.Refuse != nil {
		p.Refuse(w, r, err)
		return
	}
	problem.Write(w, err)
}

// check returns an error for a request that names another server, or comes from a page of another site.
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
