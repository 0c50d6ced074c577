package publicapi

import "go/types"

// walk follows what a reader of the documentation can follow from an exported name: parameters, results, exported fields
// and methods, elements. It stops at names of other packages, which are checked there.
type walk struct {
	from   *types.Package
	report func(leak string)
	seen   map[types.Type]bool
}

func (w *walk) object(o types.Object) {
	w.seen = map[types.Type]bool{}
	switch o := o.(type) {
	case *types.TypeName:
		if alias, ok := o.Type().(*types.Alias); ok {
			w.follow(alias.Rhs())
			return
		}
		w.definition(o.Type())
	default:
		w.follow(o.Type())
	}
}

// definition follows what a named type of this package offers.
func (w *walk) definition(t types.Type) {
	w.follow(t.Underlying())
	for _, of := range []types.Type{t, types.NewPointer(t)} { // promoted methods too
		set := types.NewMethodSet(of)
		for i := range set.Len() {
			if m := set.At(i).Obj(); m.Exported() {
				w.follow(m.Type())
			}
		}
	}
}

func (w *walk) follow(t types.Type) {
	if t == nil || w.seen[t] {
		return
	}
	w.seen[t] = true
	switch t := t.(type) {
	case *types.Alias:
		if w.named(t.Obj()) {
			w.follow(t.Rhs())
		}
	case *types.Named:
		w.named(t.Obj())
		for i := range t.TypeArgs().Len() {
			w.follow(t.TypeArgs().At(i))
		}
		if t.Obj().Pkg() == w.from && !t.Obj().Exported() { // readers see its fields and methods
			w.definition(t)
		}
	case *types.Pointer:
		w.follow(t.Elem())
	case *types.Slice:
		w.follow(t.Elem())
	case *types.Array:
		w.follow(t.Elem())
	case *types.Chan:
		w.follow(t.Elem())
	case *types.Map:
		w.follow(t.Key())
		w.follow(t.Elem())
	case *types.Signature:
		w.follow(t.Params())
		w.follow(t.Results())
	case *types.Tuple:
		for i := range t.Len() {
			w.follow(t.At(i).Type())
		}
	case *types.Struct:
		for i := range t.NumFields() {
			if t.Field(i).Exported() || t.Field(i).Embedded() {
				w.follow(t.Field(i).Type())
			}
		}
	case *types.Interface:
		for i := range t.NumMethods() {
			w.follow(t.Method(i).Type())
		}
		for i := range t.NumEmbeddeds() {
			w.follow(t.EmbeddedType(i))
		}
	case *types.Union:
		for i := range t.Len() {
			w.follow(t.Term(i).Type())
		}
	}
}

// named reports a name of an internal package.
func (w *walk) named(o *types.TypeName) (open bool) {
	if o.Pkg() == nil || o.Pkg() == w.from || !internal(o.Pkg().Path()) {
		return true
	}
	w.report(o.Pkg().Path() + "." + o.Name())
	return false
}
