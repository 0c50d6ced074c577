// Command bestiary trains generative models of animals and samples from them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run executes a command line and returns the exit code: 0 for success, 1 for a failure, 2 for wrong usage.
func run(args []string, stdout, stderr io.Writer) (code int) {
	ctx, others := withRanks(context.Background())
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case *fault.OutOfMemory, *fault.DeviceError, *fault.RanksError: // operations on tensors panic with these
			fmt.Fprintf(stderr, "bestiary: %v\n", failure)
			code = 1
			others.end(errors.New("the device has failed"), code)
		default:
			panic(failure)
		}
	}()
	ctx, stop := train.UntilSignal(ctx)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	c, err := root.ExecuteContextC(ctx)
	defer func() { others.end(err, code) }()
	if err == nil {
		return 0
	}
	var stopped *train.Interrupted // its text says what is saved
	if errors.Is(err, context.Canceled) && !errors.As(err, &stopped) {
		err = errors.New("interrupted")
	}
	if others.ranks != nil && !strings.HasPrefix(err.Error(), others.ranks.String()) { // such as of a rank that waited in vain
		err = fmt.Errorf("%s: %w", others.ranks, err)
	}
	fmt.Fprintf(stderr, "bestiary: %s\n", printable.Lines(explain(c, remedied(c, err))))
	if isUsage(err) {
		return 2
	}
	return 1
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "bestiary",
		Short: "Train generative models of animals, and sample from them",
		Long: `Bestiary draws animals. It trains generative models on pictures and samples from them:

  Pets by flow: an autoencoder maps pictures to short vectors (embeddings), and a conditional
  normalizing flow learns their distribution in each class. Samples of the flow are decoded to
  new pictures.

  Birds from words: a discrete VAE maps pictures to grids of codes, and a DALL-E learns captions
  and codes as one sequence. It continues a prompt with codes, which are decoded to new pictures.

  Sharper pictures of both kinds: a KL autoencoder (train kl) maps pictures to maps of latents. A
  TarFlow (train tarflow) draws latents by class, a rectified flow (train rectified) for prompts. A
  VQGAN can take the place of the discrete VAE, and a MaskGIT that of the DALL-E.

It learns the density of tables, too: a flow over the rows of a CSV file scores other rows and
samples new ones.

"bestiary train classifier", "eval" and "compare" measure generated pictures against photos.

A run folder holds everything that a training writes. Results go to stdout, all other messages
to stderr. The exit code is 0 for success, 1 for a failure and 2 for wrong usage.`,
		Example: `  bestiary demo
  bestiary train autoencoder --data oxford-pets --out runs/pets
  bestiary train flow --run runs/pets
  bestiary sample --run runs/pets --class dog -n 16 --out dogs.png

  bestiary train dvae --data cub --out runs/birds
  bestiary train dalle --run runs/birds --data cub
  bestiary generate --run runs/birds -n 8 --out birds.png "a small yellow bird with black wings"

  bestiary train density --data wine.csv --out runs/wine
  bestiary density --run runs/wine --data other.csv --out scored.csv`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          knownCommand,
		RunE:          help,
		Version:       version(),
	}
	root.SetVersionTemplate(versionLine())
	root.SetFlagErrorFunc(flagError)
	addLimitFlags(root)
	root.AddCommand(
		newDemo(), newTrain(), newSample(), newGenerate(), newReconstruct(), newInterpolate(), newDensity(), newDetect(), newSegment(), newCrop(), newEval(), newCompare(),
		newInfo(), newCheck(), newImport(), newExport(), newVerify(),
		newServe(), newBench(), newCache(), newDoctor(), newVersion(), newMan(),
	)
	return root
}

// noArguments refuses arguments other than flags.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no argument %q; see %s --help", c.Name(), args[0], c.CommandPath())
	}
	return nil
}

// help is the RunE of command groups.
func help(c *cobra.Command, _ []string) error { return c.Help() }

// knownCommand refuses an unknown sub-command, and suggests similar ones.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	remedy := fmt.Sprintf("see %s --help", c.CommandPath())
	if c.SuggestionsMinimumDistance <= 0 {
		c.SuggestionsMinimumDistance = 2
	}
	if like := c.SuggestionsFor(args[0]); len(like) > 0 {
		remedy = fmt.Sprintf("did you mean %s?", strings.Join(like, " or "))
	}
	return usagef("%s has no command %q; %s", c.CommandPath(), args[0], remedy)
}
