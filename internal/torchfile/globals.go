package torchfile

import (
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/printable"
)

// global is the name of a Python object with its module.
type global string

// The functions that may be called. The types of storages are only used in persistent ids and never called.
const (
	orderedDict      global = "collections.OrderedDict"
	rebuildTensorV1  global = "torch._utils._rebuild_tensor"
	rebuildTensor    global = "torch._utils._rebuild_tensor_v2"
	rebuildParameter global = "torch._utils._rebuild_parameter"
	torchSize        global = "torch.Size"
)

// allowed reports whether a pickle may use the name.
func (g global) allowed() bool {
	switch g {
	case orderedDict, rebuildTensorV1, rebuildTensor, rebuildParameter, torchSize:
		return true
	}
	_, ok := g.element()
	return ok
}

// name runs GLOBAL and STACK_GLOBAL. No other code puts a name on the stack.
func (m *machine) name(op byte) error {
	var module, name string
	if op == opGlobal {
		var err error
		if module, err = m.line(); err != nil {
			return err
		}
		if name, err = m.line(); err != nil {
			return err
		}
	} else {
		pair, err := m.take(2)
		if err != nil {
			return err
		}
		var ok1, ok2 bool
		module, ok1 = pair[0].(string)
		name, ok2 = pair[1].(string)
		if !ok1 || !ok2 {
			return fmt.Errorf("its pickle uses %s as a name", describe(pair[0]))
		}
	}
	g := global(module + "." + name)
	// "torch" + "_utils._rebuild_tensor_v2" would look up attributes of attributes.
	if strings.Contains(name, ".") || !g.allowed() && !g.inert() {
		return &namedError{printable.Short(string(g))}
	}
	if g.inert() {
		m.push(&Object{Class: string(g)})
		return nil
	}
	m.push(g)
	return nil
}

// reduce runs REDUCE, the call of a name.
func (m *machine) reduce() error {
	pair, err := m.take(2)
	if err != nil {
		return err
	}
	args, ok2 := pair[1].(Tuple)
	if class, ok := pair[0].(*Object); ok && class.Args == nil && ok2 { // named, not run
		m.push(&Object{Class: class.Class, Args: nonNil(args)})
		return nil
	}
	g, ok1 := pair[0].(global)
	if !ok1 || !ok2 {
		return fmt.Errorf("its pickle calls %s", describe(pair[0]))
	}
	v, err := g.call(args)
	if err != nil {
		return fmt.Errorf("%s: %w", printable.Short(string(g)), err)
	}
	m.push(v)
	return nil
}

// call is the result of calling a function.
func (g global) call(args Tuple) (any, error) {
	switch g {
	case orderedDict:
		d := &Dict{Ordered: true}
		switch {
		case len(args) == 0:
			return d, nil
		case len(args) == 1: // Python 2: a list of pairs
			if pairs, ok := args[0].(*list); ok {
				for _, p := range pairs.items {
					pair, ok := p.(*list)
					if !ok || len(pair.items) != 2 {
						return nil, errArguments
					}
					if err := d.add(pair.items); err != nil {
						return nil, err
					}
				}
				return d, nil
			}
		}
	case torchSize:
		if len(args) == 1 {
			if size, ok := args[0].(Tuple); ok {
				return size, nil
			}
		}
	case rebuildTensorV1, rebuildTensor:
		// storage, offset, size, stride and, from the second version, requires_grad, hooks and metadata
		if len(args) >= 4 && len(args) <= 7 {
			return newTensor(args[0], args[1], args[2], args[3])
		}
	case rebuildParameter: // data, requires_grad, hooks
		if len(args) == 3 {
			if t, ok := args[0].(*Tensor); ok {
				return t, nil
			}
		}
	default:
		return nil, &namedError{"call of " + string(g)}
	}
	return nil, errArguments
}

var errArguments = fmt.Errorf("called with other arguments than torch.save writes")

// build runs BUILD, which sets attributes of an object. Of an OrderedDict these are the versions of modules (_metadata),
// which are not used.
func (m *machine) build() error {
	pair, err := m.take(2)
	if err != nil {
		return err
	}
	if o, ok := pair[0].(*Object); ok && o.Args != nil {
		o.State = pair[1]
		m.push(o)
		return nil
	}
	d, ok1 := pair[0].(*Dict)
	attributes, ok2 := pair[1].(*Dict)
	if !ok1 || !d.Ordered || !ok2 {
		return &namedError{"opcode BUILD on " + describe(pair[0])}
	}
	for key := range attributes.All() {
		if key != "_metadata" {
			return &namedError{fmt.Sprintf("opcode BUILD of the attribute %v", printable.Short(fmt.Sprint(key)))}
		}
	}
	m.push(d)
	return nil
}

// persistent runs BINPERSID: storages are outside of the pickle, under a key.
func (m *machine) persistent() error {
	v, err := m.pop()
	if err != nil {
		return err
	}
	id, ok := v.(Tuple)
	if ok && len(id) > 1 && id[0] == any("module") { // the class of a module with its source text, in the older form
		if class, ok := id[1].(*Object); ok && class.Args == nil {
			m.push(class)
			return nil
		}
	}
	if !ok || len(id) == 0 || id[0] != any("storage") {
		return fmt.Errorf("its pickle has a persistent id that is no storage's (%s)", describe(v))
	}
	s, err := m.load(id)
	if err != nil {
		return err
	}
	m.push(s)
	return nil
}

// split returns the module and the name in it.
func (g global) split() (module, name string) {
	i := strings.LastIndexByte(string(g), '.')
	return string(g[:i]), string(g[i+1:])
}
