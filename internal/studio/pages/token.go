package pages

import "net/http"

// tokenForm is the content of the page that asks for the token.
type tokenForm struct {
	To    string // page to open afterwards
	Wrong bool   // the token that was given isn't the server's
}

// AskToken writes the page that asks a browser for the server's token.
func (p *Pages) AskToken(w http.ResponseWriter, to string, wrong bool) {
	p.write(w, http.StatusUnauthorized, page{Template: "token", Title: "Token", Bare: true, Content: tokenForm{to, wrong}})
}
