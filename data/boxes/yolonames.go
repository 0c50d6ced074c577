package boxes

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/regular"
	"gopkg.in/yaml.v3"
)

// maxNames is the number of bytes of a file with names of classes.
const maxNames = 4 << 20

// yoloNames finds the names of the classes, and the file with them; nil if there is none.
func yoloNames(root string, files []data.File) (names []string, source string, err error) {
	for _, f := range files {
		var parse func(content string) ([]string, error)
		switch base := f.Name[strings.LastIndexByte(f.Name, '/')+1:]; {
		case base == "classes.txt" || strings.HasSuffix(base, ".names"):
			parse = listedNames
		case base == "data.yaml" || base == "data.yml" || base == "dataset.yaml":
			parse = yamlNames
		default:
			continue
		}
		file := filepath.Join(root, filepath.FromSlash(f.Name))
		content, err := regular.ReadFile(file, maxNames)
		if err != nil {
			return nil, "", fault.Damaged(file, "cannot be read (%v); replace it", err)
		}
		if names, err = parse(strings.TrimPrefix(string(content), "\ufeff")); err != nil {
			return nil, "", located(file, err)
		}
		if len(names) > 0 {
			return names, f.Name, nil
		}
	}
	return nil, "", nil
}

// listedNames returns the lines of a text. A blank line before a name is an error: programs differ on whether it is a class, and so on
// the numbers of those that follow. Its errors are [*lineError].
func listedNames(text string) (names []string, err error) {
	blank, number := 0, 0
	for line := range strings.Lines(text) {
		number++
		switch line = strings.TrimSpace(line); {
		case line == "" && blank == 0:
			blank = number
		case line != "" && blank > 0:
			return nil, &lineError{blank, "is blank, so the numbers of the classes below are uncertain; remove the line, or name the class"}
		case line != "":
			names = append(names, line)
		}
	}
	return names, nil
}

// yamlNames returns the names in a YAML file: names is a list, or names by number. It returns nil if there are none. Its errors are
// [*lineError].
func yamlNames(text string) ([]string, error) {
	var file struct{ Names yaml.Node }
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return nil, &lineError{1, "is not YAML that can be read (" + short(strings.ReplaceAll(err.Error(), "\n", " ")) + "); repair it"}
	}
	n := &file.Names
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	each, step := n.Content, 1
	switch n.Kind {
	case 0:
		return nil, nil
	case yaml.SequenceNode:
	case yaml.MappingNode:
		step = 2 // keys and values
	default:
		return nil, &lineError{n.Line, "names is neither a list nor names by number; give one, such as names: [cat, dog]"}
	}
	names := make([]string, len(each)/step)
	for i := 0; i < len(each); i += step {
		number, value := i, each[i+step-1]
		if step == 2 {
			var err error
			if number, err = strconv.Atoi(each[i].Value); err != nil || number < 0 || number >= len(names) || names[number] != "" {
				return nil, &lineError{each[i].Line, fmt.Sprintf("%q is not the number of one of %d classes; number them from 0 without gaps", short(each[i].Value), len(names))}
			}
		}
		if value.Kind != yaml.ScalarNode || value.Value == "" {
			return nil, &lineError{value.Line, fmt.Sprintf("class %d has no name; give it one", number)}
		}
		names[number] = value.Value
	}
	return names, nil
}
