package interchange

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/tensor"
)

const autoencoderRoot = "fc_encode.0.weight" // in the state_dict of an ImprovedAutoEncoder only

// describeAutoencoder derives the configuration of an autoencoder from the shapes in the state_dict of the notebook's
// ImprovedAutoEncoder, which has the names of ours. Dropout is not in the file; it matters in training only.
func (c *Checkpoint) describeAutoencoder() error {
	s := c.source
	config := autoencoder.Config{Dropout: autoencoder.DefaultConfig().Dropout}
	stages := len(autoencoder.DefaultConfig().Channels) - 1
	for i := range stages {
		name := fmt.Sprintf("encoder.%d.weight", 3*i)
		shape, ok := s.shape(name)
		if !ok || len(shape) != 4 {
			return fmt.Errorf("has no convolution %q; name the state_dict of an ImprovedAutoEncoder with %d convolutions", name, stages)
		}
		if i == 0 {
			config.Channels = append(config.Channels, shape[1])
		}
		config.Channels = append(config.Channels, shape[0])
	}
	var features int
	for name, into := range map[string][2]*int{autoencoderRoot: {&config.Hidden, &features}, "fc_encode.4.weight": {&config.Embedding, new(int)}} {
		shape, ok := s.shape(name)
		if !ok || len(shape) != 2 {
			return fmt.Errorf("has no matrix %q; name the state_dict of an ImprovedAutoEncoder", name)
		}
		*into[0], *into[1] = shape[0], shape[1]
	}
	last := config.Channels[stages]
	for side := 1; side <= 8; side++ {
		if side*side*last == features {
			config.ImageSize = side << stages
		}
	}
	if config.ImageSize == 0 {
		return fmt.Errorf("has %q for %d features, which are not those of a picture whose side is a multiple of 32 pixels, up to 256; import an autoencoder of such pictures", autoencoderRoot, features)
	}
	if err := config.Validate(); err != nil {
		return fmt.Errorf("describes an autoencoder of sizes that are not allowed (%v); name the state_dict of an ImprovedAutoEncoder", err)
	}
	// The sizes for which memory is allocated must be those of tensors in the file.
	for i := range stages {
		if err := s.expect(fmt.Sprintf("encoder.%d.weight", 3*i), config.Channels[i+1], config.Channels[i], 4, 4); err != nil {
			return err
		}
		if err := s.expect(fmt.Sprintf("decoder.%d.weight", 3*i), config.Channels[stages-i], config.Channels[stages-i-1], 4, 4); err != nil {
			return err
		}
	}
	for name, shape := range map[string][]int{
		"fc_encode.4.weight": {config.Embedding, config.Hidden}, "fc_decode.0.weight": {config.Hidden, config.Embedding},
		"fc_decode.4.weight": {features, config.Hidden},
	} {
		if err := s.expect(name, shape...); err != nil {
			return err
		}
	}
	c.Autoencoder, c.Origin = &config, "ImprovedAutoEncoder of the flow notebook"
	return nil
}

func (s *source) autoencoder(d *tensor.Device, config autoencoder.Config) (*autoencoder.Autoencoder, error) {
	a, err := autoencoder.New(d, config, tensor.NewGenerator(0))
	if err != nil {
		return nil, damaged(s.path, err)
	}
	f, err := s.file("")
	if err != nil {
		return nil, err
	}
	if err := weights.Load(a, f, ""); err != nil {
		return nil, err
	}
	a.SetTraining(false)
	return a, nil
}
