package torchfile

import (
	"fmt"
	"strings"
)

// Object is an object of a Python class that is not run: the name of its class and the values that a pickle gives to it.
// Modules that were saved whole and the callbacks of PyTorch Lightning are such objects.
type Object struct {
	Class string // with its module: "torch.nn.modules.activation.ReLU"
	Args  Tuple  // of the constructor; nil for the class itself
	State any    // attributes, usually a *Dict; nil: none
	New   bool   // made by __new__ as modules are, not by a call of Class
}

// inertModules begin the names of classes whose objects may be in a file. Each belongs to a library of training scripts.
var inertModules = []string{"torch.nn.modules.", "torch.nn.backends.", "dall_e.", "pytorch_lightning.", "lightning.", "lightning_fabric.", "omegaconf.", "numpy."}

// inertNames are others, of single values.
var inertNames = map[global]bool{
	"torch.device": true, "__builtin__.set": true, "builtins.set": true, "_codecs.encode": true, "argparse.Namespace": true,
	"collections.defaultdict": true, "__builtin__.dict": true, "builtins.dict": true, "__builtin__.list": true, "builtins.list": true,
	"__builtin__.int": true, "builtins.int": true, "typing.Any": true,
	"torch.float32": true, "torch.float16": true, "torch.int64": true,
}

// inert reports whether an object of that name may be in a file. It is never run.
func (g global) inert() bool {
	if inertNames[g] {
		return true
	}
	for _, module := range inertModules {
		if strings.HasPrefix(string(g), module) {
			return true
		}
	}
	return false
}

// newObject runs NEWOBJ, by which modules are made.
func (m *machine) newObject() error {
	pair, err := m.take(2)
	if err != nil {
		return err
	}
	class, ok1 := pair[0].(*Object)
	args, ok2 := pair[1].(Tuple)
	if !ok1 || class.Args != nil || !ok2 {
		return &namedError{"opcode NEWOBJ of " + describe(pair[0])}
	}
	m.push(&Object{Class: class.Class, Args: nonNil(args), New: true})
	return nil
}

// nonNil returns a tuple that is not nil: the arguments of an object, not of a class.
func nonNil(args Tuple) Tuple {
	if args == nil {
		return Tuple{}
	}
	return args
}

// add adds the items of a subclass of list or dict to the state.
func (o *Object) add(items []any, pairs bool) error {
	if o.Args == nil {
		return &namedError{"items of " + o.Class}
	}
	if !pairs {
		o.Args = append(o.Args, items...)
		return nil
	}
	d, ok := o.State.(*Dict)
	if !ok {
		d = &Dict{}
		o.State = d
	}
	return d.add(items)
}

// StateDict returns the parameters and buffers of a module that was saved whole, under the names of its state_dict. It is nil
// for other objects.
func (o *Object) StateDict() *Dict {
	all := &Dict{Ordered: true}
	if !o.collect("", all, 0) {
		return nil
	}
	return all
}

// collect adds the tensors of o and its children below a prefix. It reports whether o is a module.
func (o *Object) collect(prefix string, all *Dict, depth int) bool {
	state, ok := o.State.(*Dict)
	if !ok || depth > maxDepth {
		return false
	}
	for _, name := range []string{"_parameters", "_buffers"} {
		own, ok := state.dict(name)
		if !ok {
			return false
		}
		for key, value := range own.All() {
			if t, ok := value.(*Tensor); ok {
				all.Set(prefix+fmt.Sprint(key), t)
			}
		}
	}
	children, ok := state.dict("_modules")
	if !ok {
		return false
	}
	for key, value := range children.All() {
		if child, ok := value.(*Object); ok {
			child.collect(prefix+fmt.Sprint(key)+".", all, depth+1)
		}
	}
	return true
}

func (d *Dict) dict(key string) (*Dict, bool) {
	v, _ := d.Get(key)
	own, ok := v.(*Dict)
	return own, ok
}
