package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio"
	"github.com/bestiary-ml/bestiary/internal/studio/security"
	"github.com/spf13/cobra"
)

func newServe() *cobra.Command {
	o := studio.Options{}
	var address, data string
	var memory int
	var quiet bool
	c := &cobra.Command{
		Use:   "serve [RUNS]",
		Short: "Serve trained models: pages for a browser, and an API for programs",
		Long: `Serve the runs of a folder (default: the current one), or a single run. The address that is printed has
pages to draw pictures for prompts, to sample, to walk between pictures, to train, and to compare runs, on
a phone as well as on a desk. In an empty folder the first page offers to train the demo.

Programs use the API of OpenAI (POST /v1/images/generations), that of Stable Diffusion's web interface
(POST /sdapi/v1/txt2img), or the native one (/api/openapi.json describes it). /healthz and /metrics are for
those who operate the server.

Only this machine can reach the server unless --listen says otherwise. Then requests need a token, which is
printed as a part of the address and can be chosen with the environment variable BESTIARY_TOKEN.

A training that a page or a program starts is a process of its own: it goes on when the server ends.`,
		Example: `  bestiary serve runs
  bestiary serve runs/birds --listen 127.0.0.1:9000
  bestiary serve runs --data pictures --listen 0.0.0.0:8080 --host studio.example.org`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("serve takes one folder of runs, not %d; see %s --help", len(args), c.CommandPath())
			}
			return nil
		},
	}
	device := addDeviceFlags(c)
	c.Flags().StringVar(&address, "listen", "127.0.0.1:8080", "address and port to listen on; port 0 takes a free one")
	c.Flags().StringSliceVar(&o.Hosts, "host", nil, "name under which clients reach the server, beside localhost and addresses (repeatable)")
	c.Flags().StringVar(&data, "data", "", "folder whose sub-folders pages and programs may train on (default: none)")
	c.Flags().IntVar(&o.Queue, "queue", 256, "jobs that may wait; later ones are refused")
	c.Flags().IntVar(&o.Batch, "batch", 16, "pictures of different requests that are drawn together; 1 draws requests one at a time")
	c.Flags().IntVar(&memory, "job-memory", 0, "memory in MB for jobs that wait and run (0: half of what is free)")
	c.Flags().BoolVar(&quiet, "quiet", false, "don't log requests")
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case o.Queue < 1 || o.Queue > 100_000:
			return usagef("--queue %d: must be from 1 to 100000", o.Queue)
		case o.Batch < 1 || o.Batch > 16:
			return usagef("--batch %d: must be from 1 to 16", o.Batch)
		case memory < 0 || memory > 1<<30:
			return usagef("--job-memory %d: must be from 1 to %d, or 0 for half of what is free", memory, 1<<30)
		}
		if err := cmp.Or(checkListen(address), device.check()); err != nil {
			return err
		}
		o.Runs, o.Data, o.Memory, o.Version = ".", data, memory<<20, version()
		if len(args) > 0 {
			o.Runs = args[0]
		}
		for flag, dir := range map[string]string{"": o.Runs, "--data ": data} {
			if info, err := os.Stat(dir); dir != "" && (err != nil || !info.IsDir()) {
				return usagef("%s%s: there is no such folder; name one that there is", flag, dir)
			}
		}
		if o.Token = os.Getenv("BESTIARY_TOKEN"); o.Token == "" && !security.Loopback(address) {
			o.Token = security.NewToken()
		}
		if err := cmp.Or(checkToken(o.Token), checkHosts(o.Hosts)); err != nil {
			return err
		}
		var err error
		if o.Program, err = os.Executable(); err != nil {
			return err
		}
		if !quiet {
			o.Log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
		}
		if os.Getenv("GOGC") == "" {
			debug.SetGCPercent(50) // a server holds its memory for days: half as much garbage, for a few percent of its time
		}
		d, err := device.open()
		if err != nil {
			return err
		}
		defer d.Close()
		l, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("%s: can't be listened on (%w); choose another address with --listen", address, err)
		}
		s := studio.New(d, o)
		if _, err := fmt.Fprintln(c.OutOrStdout(), pageAddress(l.Addr(), o.Token)); err != nil {
			return err
		}
		if err := s.Serve(c.Context(), l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
	return c
}

// checkListen refuses what is no address and port.
func checkListen(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil || port == "" {
		return usagef("--listen %q: must be an address and a port, such as 127.0.0.1:8080", address)
	}
	return nil
}

// checkToken refuses a token that a header field can't carry, or that is easy to guess.
func checkToken(token string) error {
	odd := strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
	if token != "" && (odd || len(token) < 8) {
		return usagef("BESTIARY_TOKEN: must have at least 8 visible characters of ASCII, without blanks")
	}
	return nil
}

// checkHosts refuses what can't be the name of a host.
func checkHosts(names []string) error {
	for _, name := range names {
		plain := name != "" && !strings.ContainsFunc(name, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._", r))
		})
		if !plain {
			return usagef("--host %q: must be the name of a host, such as studio.example.org, without scheme, port and path", name)
		}
	}
	return nil
}

// pageAddress returns the address to open in a browser. One on all interfaces names this machine.
func pageAddress(a net.Addr, token string) string {
	at, err := netip.ParseAddrPort(a.String())
	host := a.String()
	if err == nil && at.Addr().IsUnspecified() {
		name, err := os.Hostname()
		if err != nil {
			name = "localhost"
		}
		if ip := ownAddress(); ip != "" {
			name = ip
		}
		host = net.JoinHostPort(name, fmt.Sprint(at.Port()))
	}
	page := "http://" + filepath.ToSlash(host) + "/"
	if token != "" {
		page += "?token=" + url.QueryEscape(token)
	}
	return page
}

// ownAddress returns an address of this machine that others reach; "" if there is none.
func ownAddress() string {
	all, _ := net.InterfaceAddrs() // none can be told
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	return ""
}
