package interchange

import (
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/openaivae"
)

// openAIWriter makes the modules of dall_e.Encoder and dall_e.Decoder as torch.save pickles them.
type openAIWriter struct {
	config  openaivae.Config
	weights map[string]stateTensor // by names below the module
}

// child is a named child of a module.
type child struct {
	name   string
	module any
}

// module returns the encoder or the decoder.
func (w openAIWriter) module(half string) any {
	c := w.config
	encoder := half == openAIEncoder
	blocks := []child{{"input", w.conv("blocks.input", encoder)}}
	for group := 1; group <= 4; group++ {
		prefix := fmt.Sprintf("blocks.group_%d", group)
		var children []child
		for i := 1; i <= c.Blocks; i++ {
			name := fmt.Sprintf("block_%d", i)
			children = append(children, child{name, w.block(prefix+"."+name, encoder)})
		}
		switch {
		case group == 4:
		case encoder:
			children = append(children, child{"pool", torchModule("torch.nn.modules.pooling.MaxPool2d", nil, "kernel_size", 2, "stride", 2,
				"padding", 0, "dilation", 1, "return_indices", false, "ceil_mode", false)})
		default:
			children = append(children, child{"upsample", torchModule("torch.nn.modules.upsampling.Upsample", nil, "name", "Upsample",
				"size", nil, "scale_factor", 2.0, "mode", "nearest", "align_corners", nil, "recompute_scale_factor", nil)})
		}
		blocks = append(blocks, child{fmt.Sprintf("group_%d", group), sequential(children...)})
	}
	blocks = append(blocks, child{"output", sequential(child{"relu", relu()}, child{"conv", w.conv("blocks.output.conv", false)})})
	attributes := []any{"group_count", 4, "n_hid", c.Hidden, "n_blk_per_group", c.Blocks}
	class := "dall_e.decoder.Decoder"
	if encoder {
		class = "dall_e.encoder.Encoder"
		attributes = append(attributes, "input_channels", 3)
	} else {
		attributes = append(attributes, "n_init", c.Init, "output_channels", 3)
	}
	attributes = append(attributes, "vocab_size", c.Codes, "device", nil, "requires_grad", false, "use_mixed_precision", true)
	return torchModule(class, []child{{"blocks", sequential(blocks...)}}, attributes...)
}

// block returns an EncoderBlock or a DecoderBlock.
func (w openAIWriter) block(prefix string, encoder bool) any {
	class := "dall_e.decoder.DecoderBlock"
	if encoder {
		class = "dall_e.encoder.EncoderBlock"
	}
	first := w.weights[prefix+".res_path.conv_1.w"].tensor.Shape
	last := w.weights[prefix+".res_path.conv_4.w"].tensor.Shape
	in, out, layers := first[1], last[0], 4*w.config.Blocks
	id := torchModule("torch.nn.modules.linear.Identity", nil)
	if in != out {
		id = w.conv(prefix+".id_path", true)
	}
	var path []child
	for i := 1; i <= 4; i++ {
		path = append(path, child{fmt.Sprintf("relu_%d", i), relu()},
			child{fmt.Sprintf("conv_%d", i), w.conv(fmt.Sprintf("%s.res_path.conv_%d", prefix, i), true)})
	}
	return torchModule(class, []child{{"id_path", id}, {"res_path", sequential(path...)}},
		"n_in", in, "n_out", out, "n_layers", layers, "device", nil, "requires_grad", false,
		"n_hid", out/4, "post_gain", 1/float64(layers*layers))
}

// conv returns a dall_e.utils.Conv2d with the weights below a prefix. Those next to the codes compute in float32 on GPUs.
func (w openAIWriter) conv(prefix string, half bool) *torchfile.Object {
	weight, bias := w.weights[prefix+".w"].tensor, w.weights[prefix+".b"].tensor
	if strings.HasSuffix(prefix, "output.conv") {
		half = weight.Shape[0] == 6 // the decoder's
	}
	m := torchModule("dall_e.utils.Conv2d", nil, "n_in", weight.Shape[1], "n_out", weight.Shape[0], "kw", weight.Shape[2],
		"use_float16", half, "device", nil, "requires_grad", false)
	parameters, _ := m.State.(*torchfile.Dict).Get("_parameters")
	for _, p := range []struct {
		name  string
		value any
	}{{"w", weight}, {"b", bias}} {
		parameters.(*torchfile.Dict).Set(p.name, &torchfile.Object{
			Class: "torch._utils._rebuild_parameter", Args: torchfile.Tuple{p.value, false, ordered()},
		})
	}
	return m
}

func relu() any { return torchModule("torch.nn.modules.activation.ReLU", nil, "inplace", false) }

func sequential(children ...child) any {
	return torchModule("torch.nn.modules.container.Sequential", children)
}

func ordered() *torchfile.Dict { return &torchfile.Dict{Ordered: true} }

// torchModule returns a torch.nn.Module with the attributes of PyTorch 1.7, to which later versions add theirs.
func torchModule(class string, children []child, attributes ...any) *torchfile.Object {
	state := torchfile.NewDict("training", false, "_parameters", ordered(), "_buffers", ordered(),
		"_non_persistent_buffers_set", &torchfile.Object{Class: "__builtin__.set", Args: torchfile.Tuple{torchfile.List{}}},
		"_backward_hooks", ordered(), "_forward_hooks", ordered(), "_forward_pre_hooks", ordered(),
		"_state_dict_hooks", ordered(), "_load_state_dict_pre_hooks", ordered())
	modules := ordered()
	for _, c := range children {
		modules.Set(c.name, c.module)
	}
	state.Set("_modules", modules)
	for i := 0; i+1 < len(attributes); i += 2 {
		state.Set(attributes[i], attributes[i+1])
	}
	return &torchfile.Object{Class: class, Args: torchfile.Tuple{}, New: true, State: state}
}
