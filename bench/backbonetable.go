package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/fault"
)

// backbonePeers are the frameworks that BackboneOptions.Peers may name.
var backbonePeers = []string{"torch", onnxRuntime}

// BackboneOptions say what [Backbones] measures. Options.Only are names of networks; Versus and Profile have no use.
type BackboneOptions struct {
	Options
	Sizes []int    // sides of the picture, multiples of 32; none: 512 and 1024
	Peers []string // "torch" (torchvision's Mask R-CNN) and "onnxruntime" (the same, exported by torch.onnx), measured in the same turns
}

// BackboneResult has the figures of a Mask R-CNN with a backbone, for a picture of Size×Size pixels.
type BackboneResult struct {
	Backbone string `json:"backbone"`
	Size     int    `json:"size"`
	Result
	Peers []*PeerResult `json:"peers,omitempty"`
}

// Backbones measures the detection of objects and masks by Mask R-CNN with each backbone of package backbone: seconds for a picture,
// memory, and parameters. Detections are of one class, with random weights: 1000 proposals and 100 objects in each picture. Results go to out, messages on the progress to log. Options that are not
// allowed give a [*fault.FieldError].
func Backbones(ctx context.Context, o BackboneOptions, out, log io.Writer) error {
	switch {
	case o.Versus != "":
		return fault.Field("Versus", o.Versus, "has no use for backbones; leave it out and set Peers")
	case o.Profile != "":
		return fault.Field("Profile", o.Profile, "has no use for backbones; leave it out")
	}
	var err error
	if o.Options, err = o.Options.complete(); err != nil {
		return err
	}
	chosen, err := o.workloads()
	if err != nil {
		return err
	}
	launchers, err := o.launchers(ctx)
	if err != nil {
		return err
	}
	defer func() {
		for _, l := range launchers {
			l.close()
		}
	}()
	warnIfBusy(log)
	results, err := inTurn(ctx, chosen, func(w maskWorkload) string { return w.name }, func(w maskWorkload) (BackboneResult, error) {
		return o.measure(ctx, w, launchers)
	}, o.JSON, out, log)
	if err != nil || o.JSON {
		return err
	}
	return writeBackbones(out, results)
}

// workloads returns those of the networks and the sizes.
func (o BackboneOptions) workloads() (all []maskWorkload, err error) {
	sizes := o.Sizes
	if len(sizes) == 0 {
		sizes = []int{512, 1024}
	}
	for _, size := range sizes {
		if size < 64 || size > 4096 || size%32 != 0 { // smaller pictures have fewer than 1000 anchors
			return nil, fault.Field("Sizes", size, "must be a multiple of 32 from 64 to 4096")
		}
	}
	nets := backbone.Names()
	if len(o.Only) > 0 {
		nets = nil
	}
	for _, name := range o.Only {
		own := backbone.Canonical(name)
		if !slices.Contains(backbone.Names(), own) {
			return nil, fault.Field("Only", name, "must be one of %s", strings.Join(backbone.Names(), ", "))
		}
		nets = append(nets, own)
	}
	for _, net := range nets {
		for _, size := range sizes {
			all = append(all, detectMasks(net, size))
		}
	}
	return all, nil
}

// launchers finds the peers.
func (o BackboneOptions) launchers(ctx context.Context) (all []*peerLauncher, err error) {
	if o.Python != "" && len(o.Peers) == 0 {
		return nil, fault.Field("Python", o.Python, "is for peers; set Peers too, or leave it out")
	}
	for _, name := range o.Peers {
		var l *peerLauncher
		switch {
		case !slices.Contains(backbonePeers, name):
			err = fault.Field("Peers", fmt.Sprintf("%q", name), "must be among %s", strings.Join(backbonePeers, ", "))
		case name == onnxRuntime && strings.HasPrefix(o.Device, "cuda"):
			err = fault.Field("Peers", name, "is measured on the processor only; set Device to cpu")
		case name == onnxRuntime && o.Precision != "" && o.Precision != "highest":
			err = fault.Field("Peers", name, "computes in float32 only; set Precision to highest")
		default:
			l, err = findTorch(ctx, name, o.Python)
		}
		if err != nil {
			for _, l := range all {
				l.close()
			}
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// measure times a workload in turns with all peers.
func (o BackboneOptions) measure(ctx context.Context, w maskWorkload, launchers []*peerLauncher) (r BackboneResult, err error) {
	t, err := prepare(ctx, w.workload, o.Options)
	if err != nil {
		return r, err
	}
	defer t.close()
	var others []*peer
	for _, l := range launchers {
		p, err := l.start(ctx, t.place(), w.name)
		if err != nil {
			return r, err
		}
		defer p.close()
		others = append(others, p)
	}
	peaks, err := t.turns(ctx, o.Options, others...)
	if err != nil {
		return r, err
	}
	r = BackboneResult{Backbone: w.backbone, Size: w.size, Result: t.result(peaks)}
	r.Parameters = *w.parameters
	for _, p := range others {
		r.Peers = append(r.Peers, p.result(r.Seconds))
	}
	return r, nil
}

// writeBackbones writes results for people. Times are means, ratios those of medians.
func writeBackbones(out io.Writer, results []BackboneResult) error {
	if len(results) == 0 {
		return nil
	}
	var text strings.Builder
	first := results[0]
	text.WriteString(first.heading())
	header := []string{"backbone", "picture", "precision", "parameters", "mean ms", first.memory(), "runs"}
	for _, v := range first.Peers {
		text.WriteString(v.heading())
		header = append(header, v.Name+" ms", first.memory(), "ratio")
	}
	rows := [][]string{header}
	for _, r := range results {
		row := []string{
			r.Backbone, fmt.Sprintf("%d×%d", r.Size, r.Size), r.Precision, fmt.Sprint(r.Parameters), milliseconds(r.SecondsMean), mebibytes(r.PeakBytes), fmt.Sprint(r.Runs),
		}
		for _, v := range r.Peers {
			if v.Impossible != "" {
				row = append(row, "–", "–", "–")
				continue
			}
			row = append(row, milliseconds(v.SecondsMean), mebibytes(v.PeakBytes), fmt.Sprintf("%.2f×", v.Ratio))
		}
		rows = append(rows, row)
	}
	align(&text, rows)
	for _, r := range results {
		for _, v := range r.Peers {
			if note := cmp.Or(v.Impossible, v.Form); note != "" {
				fmt.Fprintf(&text, "%s of %s, %d×%d: %s\n", v.Name, r.Backbone, r.Size, r.Size, note)
			}
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func milliseconds(seconds float64) string { return fmt.Sprintf("%#.3g", 1000*seconds) }
