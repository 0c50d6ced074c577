package main

import (
	"net"
	"net/url"
	"testing"
)

// TestServeFlags refuses tokens that a header can't carry or that are easy to guess, and hosts that no request can name.
func TestServeFlags(t *testing.T) {
	for token, good := range map[string]bool{"": true, "ab+cd/ef==": true, "short": false, "with a blank": false, "line\nbreak": false, "tökentöken": false} {
		if err := checkToken(token); (err == nil) != good {
			t.Errorf("token %q: %v", token, err)
		}
	}
	for host, good := range map[string]bool{"studio.example.org": true, "my_host": true, "": false, "http://x/": false, "a b": false, "*": false, "x/y": false, "x:80": false} {
		if err := checkHosts([]string{host}); (err == nil) != good {
			t.Errorf("host %q: %v", host, err)
		}
	}
	const token = "ab+cd/ef==#%41"
	page, err := url.Parse(pageAddress(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}, token))
	if err != nil || page.Query().Get("token") != token {
		t.Errorf("%v, %v", page, err)
	}
}
