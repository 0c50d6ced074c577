// Command gosec looks for insecure patterns in folders of Go code, by gosec's rules. It is a module of its own, and takes
// the place of gosec's command, which needs the clients of several language models.
//
// A finding that is no mistake gets "#nosec RULE -- reason" at its line. Rules that are left out everywhere, or outside of
// the server, are below.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/securego/gosec/v2"
	"github.com/securego/gosec/v2/analyzers"
	"github.com/securego/gosec/v2/rules"
)

// leftOut are rules with the reason why they are left out.
var leftOut = map[string]string{
	"G103": "kernels, memory maps and the CUDA driver need unsafe",
	"G104": "the findings are files that are closed or removed after another error, and writers that never fail",
	"G115": "sizes are checked where they are read, and readers are fuzzed; the rule doesn't see the checks",
	"G301": "runs, caches and pictures have the permissions that the umask leaves, as those of other programs",
	"G302": "as G301",
	"G306": "as G301",
	"G404": "drawing is repeatable by its seed; tokens and identifiers are from crypto/rand",
	"G602": "the findings are loops over slices of a constant length",
}

// outside are rules that hold for the server alone. A command opens the files and starts the programs that its user names.
var outside = map[string]bool{"G204": true, "G304": true}

const server = "internal/studio/"

func main() {
	dirs := os.Args[1:]
	a := gosec.NewAnalyzer(gosec.NewConfig(), false, true, false, 2, log.New(io.Discard, "", 0))
	var without []string
	for rule := range leftOut {
		without = append(without, rule)
	}
	a.LoadRules(rules.Generate(false, rules.NewRuleFilter(true, without...)).RulesInfo())
	a.LoadAnalyzers(analyzers.Generate(false, analyzers.NewAnalyzerFilter(true, without...)).AnalyzersInfo())
	if err := a.Process(nil, dirs...); err != nil {
		log.Fatal(err)
	}
	issues, metrics, _ := a.Report() // errors are functions without a body, which are in assembly
	if metrics.NumFiles == 0 {
		log.Fatal("gosec: no files; name folders of Go code")
	}
	found := 0
	for _, i := range issues {
		if outside[i.RuleID] && !strings.Contains(filepath.ToSlash(i.File), server) {
			continue
		}
		found++
		fmt.Printf("%s:%s: %s: %s\n", i.File, i.Line, i.RuleID, i.What)
	}
	fmt.Printf("gosec: %d files, %d findings, %d lines with #nosec\n", metrics.NumFiles, found, metrics.NumNosec)
	if found > 0 {
		os.Exit(1)
	}
}
