// Package publicapi reads the exported API of this module with go/types. Its test checks that no exported name leads to a
// type of an internal package, which other modules can't name, and that every exported name has a doc comment.
package publicapi

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// Package is the API of a package.
type Package struct {
	Path         string   // below the module: "flows"
	Exported     int      // identifiers: of the package's scope, and methods
	Leaks        []string // exported names that lead to a type of an internal package
	Undocumented []string // exported names without a doc comment
}

// Read loads the packages of the module in dir that others can import.
func Read(dir string) ([]Package, error) {
	listed, err := packages.Load(&packages.Config{Mode: packages.NeedName, Dir: dir}, "./...")
	if err != nil {
		return nil, err
	}
	var public []string // of the others, the types are enough
	for _, p := range listed {
		if p.Name != "main" && !internal(p.PkgPath) {
			public = append(public, p.PkgPath)
		}
	}
	const mode = packages.NeedName | packages.NeedModule | packages.NeedTypes | packages.NeedSyntax | packages.NeedImports
	loaded, err := packages.Load(&packages.Config{Mode: mode, Dir: dir}, public...)
	if err != nil {
		return nil, err
	}
	var all []Package
	for _, p := range loaded {
		if len(p.Errors) > 0 {
			return nil, fmt.Errorf("%s: %v", p.PkgPath, p.Errors[0])
		}
		all = append(all, read(p))
	}
	return all, nil
}

func internal(path string) bool {
	return slices.Contains(strings.Split(path, "/"), "internal")
}

func read(p *packages.Package) Package {
	api := Package{Path: strings.TrimPrefix(p.PkgPath, p.Module.Path+"/")}
	scope := p.Types.Scope()
	for _, name := range scope.Names() {
		o := scope.Lookup(name)
		if !o.Exported() {
			continue
		}
		api.Exported++
		w := walk{from: p.Types, report: func(leak string) { api.Leaks = append(api.Leaks, name+": "+leak) }}
		w.object(o)
	}
	for _, file := range p.Syntax {
		for _, d := range file.Decls {
			api.undocumented(d)
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.IsExported() && ast.IsExported(receiver(f)) {
				api.Exported++
			}
		}
	}
	slices.Sort(api.Leaks)
	api.Leaks = slices.Compact(api.Leaks)
	return api
}

// undocumented notes the exported names of a declaration that have no doc comment. A group of constants or variables may
// share one.
func (p *Package) undocumented(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			if !ast.IsExported(receiver(d)) {
				return
			}
			name = receiver(d) + "." + name
		}
		if d.Name.IsExported() && d.Doc == nil {
			p.Undocumented = append(p.Undocumented, name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
					p.Undocumented = append(p.Undocumented, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						p.Undocumented = append(p.Undocumented, n.Name)
					}
				}
			}
		}
	}
}

// receiver is the name of a method's type.
func receiver(f *ast.FuncDecl) string {
	t := f.Recv.List[0].Type
	for {
		switch u := t.(type) {
		case *ast.StarExpr:
			t = u.X
		case *ast.IndexExpr:
			t = u.X
		case *ast.IndexListExpr:
			t = u.X
		case *ast.Ident:
			return u.Name
		default:
			return ""
		}
	}
}
