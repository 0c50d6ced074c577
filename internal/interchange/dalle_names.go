package interchange

import (
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/nn"
)

// StateEntry is a learned tensor in the state_dict of DALLE-pytorch's DALLE.
type StateEntry struct {
	Name  string
	Shape []int
	Parts []nn.Param // parameters of our model, concatenated along the first dimension
	Alias bool       // it is in the state_dict under an earlier name, too
}

// DALLEState lists the learned tensors of DALLE-pytorch 1.6.6's DALLE in the order of its state_dict.
func DALLEState(m *dalle.DALLE) []StateEntry {
	c := m.Config()
	t := c.Transformer
	ours := map[string]nn.Param{}
	for _, p := range nn.Params(m) {
		ours[p.Path] = p
	}
	var all []StateEntry
	add := func(alias bool, name string, shape []int, paths ...string) {
		e := StateEntry{Name: name, Shape: shape, Alias: alias}
		for _, path := range paths {
			e.Parts = append(e.Parts, ours[path])
		}
		all = append(all, e)
	}
	if !t.Rotary {
		add(false, "text_pos_emb.weight", []int{c.TextLen + 1, t.Dim}, "text_position.weight")
		add(false, "image_pos_emb.weights.0", []int{1, c.Height, 1, t.Dim}, "row_position.weight")
		add(false, "image_pos_emb.weights.1", []int{1, 1, c.Width, t.Dim}, "column_position.weight")
	}
	fn := func(wrappers int) string { // modules that wrap others: norm, caches and token shift
		if t.ShiftTokens {
			wrappers += 2
		}
		return strings.Repeat(".fn", wrappers)
	}
	names := []string{"norm"}
	if t.SandwichNorm {
		names = append(names, "norm_out")
	}
	for i := range t.Depth {
		torch := [2]string{fmt.Sprintf("transformer.layers.layers.%d.0", i), fmt.Sprintf("transformer.layers.layers.%d.1", i)}
		if t.Reversible {
			torch = [2]string{fmt.Sprintf("transformer.layers.blocks.%d.f.net", i), fmt.Sprintf("transformer.layers.blocks.%d.g.net", i)}
		}
		norms := func(torch, path string) {
			add(false, torch+".scale", []int{1, 1, t.Dim}, path+".scale")
			for _, norm := range names {
				add(false, torch+".fn."+norm+".weight", []int{t.Dim}, path+"."+norm+".weight")
				add(false, torch+".fn."+norm+".bias", []int{t.Dim}, path+"."+norm+".bias")
			}
		}
		inner, hidden := t.Heads*t.DimHead, t.Dim*t.FFMult
		norms(torch[0], fmt.Sprintf("transformer.layers.%d.attention", i))
		path, alias := fmt.Sprintf("transformer.layers.%d.attention", t.AttnOwner(i)), t.AttnOwner(i) != i
		add(alias, torch[0]+fn(3)+".to_qkv.weight", []int{3 * inner, t.Dim}, path+".qkv.weight")
		add(alias, torch[0]+fn(3)+".to_out.0.weight", []int{t.Dim, inner}, path+".out.weight")
		add(alias, torch[0]+fn(3)+".to_out.0.bias", []int{t.Dim}, path+".out.bias")

		norms(torch[1], fmt.Sprintf("transformer.layers.%d.ff", i))
		path, alias = fmt.Sprintf("transformer.layers.%d.ff", t.FFOwner(i)), t.FFOwner(i) != i
		add(alias, torch[1]+fn(2)+".net.0.weight", []int{2 * hidden, t.Dim}, path+".in.weight")
		add(alias, torch[1]+fn(2)+".net.0.bias", []int{2 * hidden}, path+".in.bias")
		add(alias, torch[1]+fn(2)+".net.3.weight", []int{t.Dim, hidden}, path+".out.weight")
		add(alias, torch[1]+fn(2)+".net.3.bias", []int{t.Dim}, path+".out.bias")
	}
	add(false, "to_logits.0.weight", []int{t.Dim}, "norm.weight")
	add(false, "to_logits.0.bias", []int{t.Dim}, "norm.bias")
	rows := c.TextRows() + c.ImageCodes
	weights := []string{"text_head.weight", "image_head.weight"}
	if c.ShareEmbeddings {
		weights = []string{"text_embedding.weight", "image_embedding.weight"}
	}
	biases := []string{"text_head.bias", "image_head.bias"}
	add(false, "to_logits.1.weight", []int{rows, t.Dim}, weights...)
	add(false, "to_logits.1.bias", []int{rows}, biases...)
	if c.ShareEmbeddings {
		for _, table := range []string{"text_emb", "image_emb"} {
			add(true, table+".linear.weight", []int{rows, t.Dim}, weights...)
			add(true, table+".linear.bias", []int{rows}, biases...)
		}
		return all
	}
	add(false, "text_emb.weight", []int{c.TextRows(), t.Dim}, "text_embedding.weight")
	add(false, "image_emb.weight", []int{c.ImageCodes, t.Dim}, "image_embedding.weight")
	return all
}
