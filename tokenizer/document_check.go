package tokenizer

import (
	"encoding/json"
	"fmt"
)

// maxDepth bounds how many objects and lists of a tokenizer.json are in one another. Files in use have up to 8.
const maxDepth = 64

// checkJSON checks what package json does not: that no object has a key twice (which of the values counts would depend on the
// reader), that objects have no more keys than there may be tokens, and that the nesting is bounded. Data is a JSON document.
func checkJSON(data []byte) error {
	var keys []map[string]bool // of the objects around the position; nil for a list
	key := false               // the next string is a key
	for at := 0; at < len(data); at++ {
		switch data[at] {
		case '{', '[':
			if len(keys) == maxDepth {
				return fmt.Errorf("it has more than %d objects and lists in one another", maxDepth)
			}
			key = data[at] == '{'
			var object map[string]bool
			if key {
				object = make(map[string]bool)
			}
			keys = append(keys, object)
		case '}', ']':
			keys = keys[:max(len(keys)-1, 0)]
			key = false
		case ',':
			key = len(keys) > 0 && keys[len(keys)-1] != nil
		case '"':
			end, escaped := at+1, false
			for ; end < len(data) && data[end] != '"'; end++ {
				if data[end] == '\\' {
					escaped = true
					end++
				}
			}
			if key && end < len(data) {
				if err := addKey(keys[len(keys)-1], data[at:end+1], escaped); err != nil {
					return err
				}
				key = false
			}
			at = end
		}
	}
	return nil
}

// addKey adds a quoted key to those of its object.
func addKey(keys map[string]bool, quoted []byte, escaped bool) error {
	name := string(quoted[1 : len(quoted)-1])
	if escaped {
		if err := json.Unmarshal(quoted, &name); err != nil {
			return err
		}
	}
	if keys[name] {
		return fmt.Errorf("it has the key %s twice", shorten(name))
	}
	if len(keys) == maxID {
		return fmt.Errorf("it has an object with more than %d keys", maxID)
	}
	keys[name] = true
	return nil
}
