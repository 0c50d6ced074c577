package interchange

import (
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

const flowRoot = "flows.0.mask" // in the state_dict of a LinearRNVP only

// describeFlow derives the configuration of a flow from the names and shapes in the state_dict of the notebook's LinearRNVP.
// Every tensor must be one of the described flow, so that the file bounds what is allocated.
func (c *Checkpoint) describeFlow() error {
	s := c.source
	config := flows.Config{BoundedScale: true, Mask: flows.Odds, Permutation: flows.FlipMasks, Norm: flows.NoNormalization}
	mask, err := s.vector(flowRoot)
	if err != nil {
		return err
	}
	config.Dim = len(mask)
	period := 1 // layers per coupling
	if _, ok := s.shape(fmt.Sprintf("flows.%d.p", period)); ok {
		config.Permutation = flows.RandomOrder
		period++
	}
	if _, ok := s.shape(fmt.Sprintf("flows.%d.log_gamma", period)); ok {
		config.Norm = flows.BatchNormalization
		period++
	}
	for _, ok := s.shape(fmt.Sprintf("flows.%d.mask", config.Layers*period)); ok; _, ok = s.shape(fmt.Sprintf("flows.%d.mask", config.Layers*period)) {
		config.Layers++
	}
	_, two := s.shape("flows.0.t.0.weight")
	config.SingleNetwork = !two
	if err := c.describeNetworks(&config); err != nil {
		return err
	}
	if err := config.Validate(); err != nil {
		return fmt.Errorf("describes a flow of sizes that are not allowed (%v); name the state_dict of a LinearRNVP", err)
	}
	if err := s.expectFlow(config, period); err != nil {
		return err
	}
	if err := s.checkPrior(config.Dim); err != nil {
		return err
	}
	if config.Mask, err = s.mask(config, period); err != nil {
		return err
	}
	c.Flow, c.Origin = &config, "LinearRNVP of the flow notebook"
	return nil
}

// describeNetworks reads the sizes of the first coupling's networks: linear layers 0, 2, 4 …
func (c *Checkpoint) describeNetworks(config *flows.Config) error {
	var widths []int
	for i := 0; ; i += 2 {
		name := fmt.Sprintf("flows.0.s.%d.weight", i)
		shape, ok := c.source.shape(name)
		if !ok {
			break
		}
		if len(shape) != 2 {
			return fmt.Errorf("has %q with shape %v instead of a matrix; name the state_dict of a LinearRNVP", name, shape)
		}
		if i == 0 {
			config.Classes = shape[1] - config.Dim
		}
		widths = append(widths, shape[0])
	}
	if len(widths) < 2 || config.Classes < 0 {
		return fmt.Errorf("has no network in %q that reads %d columns; name the state_dict of a LinearRNVP", "flows.0.s", config.Dim)
	}
	config.Hidden = widths[:len(widths)-1]
	if len(config.Hidden) > 1 && config.Hidden[0] == config.Hidden[1] { // as LinearRNVP makes them
		config.Hidden, config.RepeatHidden = config.Hidden[1:], true
	}
	return nil
}

// expectFlow returns an error unless the file has the tensors of the flow, and no others, in the shapes that LinearRNVP gives
// them.
func (s *source) expectFlow(c flows.Config, period int) error {
	known := map[string]bool{priorMean: true, priorVar: true, embeddingMean: true, embeddingStd: true}
	expect := func(name string, shape ...int) error {
		known[name] = true
		return s.expect(name, shape...)
	}
	hidden := c.Hidden
	if c.RepeatHidden {
		hidden = append([]int{hidden[0]}, hidden...)
	}
	outs := map[bool]int{true: 2 * c.Dim, false: c.Dim}[c.SingleNetwork]
	networks := []string{"s", "t"}
	if c.SingleNetwork {
		networks = networks[:1]
	}
	for i := range c.Layers {
		at := i * period
		if err := expect(fmt.Sprintf("flows.%d.mask", at), c.Dim); err != nil {
			return err
		}
		for _, network := range networks {
			in := c.Dim + c.Classes
			for j, width := range append(slices.Clip(hidden), outs) {
				layer := fmt.Sprintf("flows.%d.%s.%d.", at, network, 2*j)
				if err := expect(layer+"weight", width, in); err != nil {
					return err
				}
				if err := expect(layer+"bias", width); err != nil {
					return err
				}
				in = width
			}
		}
		var rest []string
		if c.Permutation != flows.FlipMasks {
			at++
			rest = append(rest, fmt.Sprintf("flows.%d.p", at), fmt.Sprintf("flows.%d.invp", at))
		}
		if c.Norm != flows.NoNormalization {
			at++
			for _, name := range []string{"log_gamma", "beta", "running_mean", "running_var"} {
				rest = append(rest, fmt.Sprintf("flows.%d.%s", at, name))
			}
		}
		for _, name := range rest {
			if err := expect(name, c.Dim); err != nil {
				return err
			}
		}
	}
	for _, name := range s.names() {
		if !known[name] {
			return fmt.Errorf("holds %.80q, which a LinearRNVP of %d couplings doesn't have; name the state_dict of a LinearRNVP", name, c.Layers)
		}
	}
	return nil
}

// checkPrior refuses a base distribution other than N(0, 1). Files of early versions of the class have none.
func (s *source) checkPrior(dim int) error {
	for name, want := range map[string]float32{priorMean: 0, priorVar: 1} {
		if _, ok := s.shape(name); !ok {
			continue
		}
		values, err := s.vector(name)
		if err != nil {
			return err
		}
		if !slices.Equal(values, fill(dim, want)) {
			return fmt.Errorf("has a base distribution other than the standard normal one (%q is not %v everywhere), so samples would differ; train the flow with N(0, 1)", name, want)
		}
	}
	return nil
}

// mask returns which of the masks the couplings have. Without permutations, every second one is flipped.
func (s *source) mask(c flows.Config, period int) (flows.Mask, error) {
	matches := func(m flows.Mask) error {
		for i := range c.Layers {
			name := fmt.Sprintf("flows.%d.mask", i*period)
			got, err := s.vector(name)
			if err != nil {
				return err
			}
			want := fill(c.Dim, 0)
			for _, column := range m.Passive(c.Dim, c.Permutation == flows.FlipMasks && i%2 == 1) {
				want[column] = 1
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("has a mask in %q that LinearRNVP doesn't make with mask_type odds or half, which are supported; import a flow with one of these", name)
			}
		}
		return nil
	}
	err := matches(flows.Odds)
	if err == nil {
		return flows.Odds, nil
	}
	if matches(flows.Half) == nil {
		return flows.Half, nil
	}
	return "", err
}

// vector loads a vector of numbers.
func (s *source) vector(name string) ([]float32, error) {
	t, err := s.load(name)
	if err != nil {
		return nil, err
	}
	f := safetensors.NewFile(s.path, []safetensors.Tensor{t}, nil)
	values, shape, err := f.Float32(t.Name)
	if err != nil {
		return nil, err
	}
	if len(shape) != 1 {
		return nil, fmt.Errorf("has %q with shape %v instead of a vector; name a file that is whole", name, shape)
	}
	return values, nil
}
