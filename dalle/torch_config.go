package dalle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/nn/transformer"
)

// ConfigFromTorch returns the configuration of a DALL-E that DALLE-pytorch saved, of which it is given the
// hyperparameters ("hparams"), the names of the tensors, and the number of codes and the sizes of the grid of its
// discrete VAE. What names tell is taken from them, because hyperparameters and their defaults vary with the version.
// Errors don't name the file. This and the other Torch functions serve "bestiary import" and "bestiary export".
func ConfigFromTorch(hparams *torchfile.Dict, names []string, codes, height, width int) (Config, error) {
	h := torchParams{dict: hparams}
	c := Config{
		TextTokens: h.int("num_text_tokens", 10000), TextLen: h.int("text_seq_len", 256),
		ImageCodes: codes, Height: height, Width: width,
		ImageLossWeight: h.float("loss_img_weight", 7), Stable: h.bool("stable"),
		Transformer: transformer.Config{
			Dim: h.int("dim", 512), Depth: h.int("depth", 2), Heads: h.int("heads", 8), DimHead: h.int("dim_head", 64),
			FFMult: 4, ConvKernel: 5, ConvDilation: 1,
			AttnDropout: h.float("attn_dropout", 0), FFDropout: h.float("ff_dropout", 0),
		},
	}
	t := &c.Transformer
	for _, name := range names {
		key, ok := torchKey(name)
		if !ok {
			continue
		}
		t.Rotary = t.Rotary || key == anglesName
		t.Reversible = t.Reversible || torchBlock.MatchString(name)
		t.SandwichNorm = t.SandwichNorm || strings.Contains(key, ".norm_out.")
		t.ShiftTokens = t.ShiftTokens || strings.HasSuffix(name, ".fn.fn.fn.net.0.weight") // a feed-forward net in a shift
		c.ShareEmbeddings = c.ShareEmbeddings || key == "text_emb.linear.weight"
	}
	for _, p := range h.list("attn_types") {
		t.Attention = append(t.Attention, transformer.Pattern(fmt.Sprint(p)))
	}
	t.Attention = t.Attention[:min(len(t.Attention), t.Depth)]
	t.SharedAttn = h.sharing("shared_attn_ids", t.Depth)
	t.SharedFF = h.sharing("shared_ff_ids", t.Depth)
	if h.err != nil {
		return Config{}, h.err
	}
	return c, c.Validate()
}

// TorchHParams returns the hyperparameters with which DALLE-pytorch 1.6.6 builds m's model.
func (c Config) TorchHParams() (*torchfile.Dict, error) {
	t := c.Transformer
	switch {
	case c.Height != c.Width:
		return nil, fmt.Errorf("pictures of %d×%d codes are not possible in DALLE-pytorch, which only knows square ones; export as safetensors", c.Height, c.Width)
	case t.FFMult != 4:
		return nil, fmt.Errorf("ff-mult %d is not possible in DALLE-pytorch, which only knows 4; export as safetensors", t.FFMult)
	case slices.Contains(t.Attention, transformer.ConvLike) && (t.ConvKernel != 5 || t.ConvDilation != 1):
		return nil, fmt.Errorf("conv-kernel %d with conv-dilation %d is not possible in DALLE-pytorch, which only knows 5 and 1; export as safetensors", t.ConvKernel, t.ConvDilation)
	}
	patterns := torchfile.Tuple{string(transformer.Full)}
	if len(t.Attention) > 0 {
		patterns = nil
		for _, p := range t.Attention {
			patterns = append(patterns, string(p))
		}
	}
	ids := func(shared []int) any {
		if len(shared) == 0 {
			return nil
		}
		var list torchfile.Tuple
		for _, id := range shared {
			list = append(list, id)
		}
		return list
	}
	return torchfile.NewDict(
		"num_text_tokens", c.TextTokens, "text_seq_len", c.TextLen, "dim", t.Dim, "depth", t.Depth, "heads", t.Heads,
		"dim_head", t.DimHead, "reversible", t.Reversible, "loss_img_weight", c.ImageLossWeight, "attn_types", patterns,
		"ff_dropout", t.FFDropout, "attn_dropout", t.AttnDropout, "stable", c.Stable, "sandwich_norm", t.SandwichNorm,
		"shift_tokens", t.ShiftTokens, "rotary_emb", t.Rotary, "shared_attn_ids", ids(t.SharedAttn),
		"shared_ff_ids", ids(t.SharedFF), "share_input_output_emb", c.ShareEmbeddings,
	), nil
}

// torchParams reads hyperparameters; err is about the first that isn't what it should be.
type torchParams struct {
	dict *torchfile.Dict
	err  error
}

func (h *torchParams) get(key string) any {
	value, _ := h.dict.Get(key)
	return value
}

func (h *torchParams) unfit(key string, value any) {
	if h.err == nil {
		h.err = fmt.Errorf("has hyperparameter %s %v, which is not possible; use a file that DALLE-pytorch wrote", key, value)
	}
}

func (h *torchParams) int(key string, otherwise int) int {
	switch v := h.get(key).(type) {
	case nil:
		return otherwise
	case int64:
		if int64(int32(v)) == v {
			return int(v)
		}
		h.unfit(key, v)
	default:
		h.unfit(key, v)
	}
	return 0
}

func (h *torchParams) float(key string, otherwise float64) float64 {
	switch v := h.get(key).(type) {
	case nil:
		return otherwise
	case int64:
		return float64(v)
	case float64:
		return v
	default:
		h.unfit(key, v)
		return 0
	}
}

func (h *torchParams) bool(key string) bool {
	switch v := h.get(key).(type) {
	case nil:
		return false
	case bool:
		return v
	default:
		h.unfit(key, v)
		return false
	}
}

func (h *torchParams) list(key string) []any {
	switch v := h.get(key).(type) {
	case nil:
		return nil
	case torchfile.List:
		return v
	case torchfile.Tuple:
		return v
	case string:
		return []any{v}
	default:
		h.unfit(key, v)
		return nil
	}
}

// sharing turns ids of any kind, repeated as often as it takes, into a number for each layer.
func (h *torchParams) sharing(key string, depth int) []int {
	ids := h.list(key)
	if len(ids) == 0 || depth > 1<<16 {
		return nil
	}
	shared := make([]int, depth)
	for layer := range shared {
		id := fmt.Sprint(ids[layer%len(ids)])
		shared[layer] = slices.IndexFunc(ids, func(other any) bool { return fmt.Sprint(other) == id })
	}
	return shared
}
