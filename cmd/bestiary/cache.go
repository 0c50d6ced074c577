package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/spf13/cobra"
)

func newCache() *cobra.Command {
	c := &cobra.Command{
		Use:   "cache",
		Short: "Show, limit or clear the cache of decoded pictures",
		Long: `Decoded pictures are kept on disk, so that the next command that uses the same pictures in the same size
starts at once. When the cache reaches its limit, the pictures that were not used for longest are removed, and
those that were not used for 30 days. Removing them is safe: they are decoded again.`,
		Example: `  bestiary cache show
  bestiary cache limit 20GB
  bestiary cache clear`,
		Args: knownCommand,
		RunE: help,
	}
	folder := c.PersistentFlags().String("folder", "", "folder of the cache (default: bestiary in the user's cache folder)")
	c.AddCommand(
		&cobra.Command{
			Use: "show", Short: "Show the folder, size and limit of the cache", Args: noArguments,
			RunE: func(c *cobra.Command, _ []string) error {
				info, err := data.CacheUsage(*folder)
				if err != nil {
					return err
				}
				return showCache(c, info)
			},
		},
		&cobra.Command{
			Use: "limit SIZE", Short: "Limit the size of the cache, such as to 500MB or 20GB; 0 keeps nothing",
			Args: func(_ *cobra.Command, args []string) error {
				if len(args) != 1 {
					return usagef("cache limit takes one size, such as 20GB")
				}
				return nil
			},
			RunE: func(c *cobra.Command, args []string) error {
				limit, err := parseBytes(args[0])
				if err != nil {
					return err
				}
				info, err := data.LimitCache(*folder, limit)
				if err != nil {
					return err
				}
				return showCache(c, info)
			},
		},
		&cobra.Command{
			Use: "clear", Short: "Remove all decoded pictures", Args: noArguments,
			RunE: func(c *cobra.Command, _ []string) error {
				info, err := data.ClearCache(*folder)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "removed %s, %s\n", count(info.Files, "dataset"), formatBytes(info.Bytes))
				return err
			},
		},
	)
	return c
}

// showCache prints the state of the cache.
func showCache(c *cobra.Command, info data.CacheInfo) error {
	_, err := fmt.Fprintf(c.OutOrStdout(), "folder  %s\nholds   %s, %s\nlimit   %s\n", info.Folder, count(info.Files, "dataset"), formatBytes(info.Bytes), formatBytes(info.Limit))
	return err
}

var byteUnits = []struct {
	suffix string
	bytes  float64
}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"B", 1}}

// parseBytes parses a size such as 20GB, 1.5 GiB or 1000000.
func parseBytes(text string) (int64, error) {
	number := strings.ReplaceAll(strings.ToUpper(strings.TrimSpace(text)), "IB", "B")
	unit := 1.0
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit = rest, u.bytes
			break
		}
		if rest, ok := strings.CutSuffix(number, u.suffix[:1]); ok && u.suffix != "B" {
			number, unit = rest, u.bytes
			break
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if size := v * unit; err == nil && size >= 0 && size < math.MaxInt64 {
		return int64(size), nil
	}
	return 0, usagef("%.40q is not a size; give a number of bytes or one with KB, MB, GB or TB, such as 20GB", text)
}

// formatBytes writes a size in the largest unit that leaves at least 1.
func formatBytes(n int64) string {
	for _, u := range byteUnits {
		if float64(n) >= u.bytes {
			return strconv.FormatFloat(float64(n)/u.bytes, 'g', 4, 64) + " " + u.suffix
		}
	}
	return "0 B"
}
