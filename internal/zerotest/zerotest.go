// Package zerotest calls functions and methods with zero values, for tests that nothing a caller passes in panics.
package zerotest

import (
	"context"
	"fmt"
	"reflect"
	"testing"
)

var (
	errorType   = reflect.TypeFor[error]()
	contextType = reflect.TypeFor[context.Context]()
)

// Refuses calls a function with arguments of our own, by position, and zero values for the others. It expects an error
// and no panic. A context is never nil.
func Refuses(t *testing.T, name string, f any, own map[int]any) {
	t.Helper()
	failure, err := call(reflect.ValueOf(f), own)
	switch {
	case failure != nil:
		t.Errorf("%s panics: %v", name, failure)
	case err == nil:
		t.Errorf("%s returns no error", name)
	}
}

// Methods calls all methods of the zero value that v points to, and that return an error, with zero values. It expects
// that none panics.
func Methods(t *testing.T, v any) {
	t.Helper()
	value := reflect.ValueOf(v)
	for i := range value.NumMethod() {
		m := value.Method(i).Type()
		if m.NumOut() == 0 || m.Out(m.NumOut()-1) != errorType {
			if value.Type().Method(i).Name != "Error" {
				continue
			}
		}
		if failure, _ := call(value.Method(i), nil); failure != nil {
			t.Errorf("%T.%s panics: %v", v, value.Type().Method(i).Name, failure)
		}
	}
}

func call(f reflect.Value, own map[int]any) (failure any, err error) {
	defer func() { failure = recover() }()
	n := f.Type().NumIn()
	if f.Type().IsVariadic() {
		n--
	}
	in := make([]reflect.Value, n)
	for i := range in {
		switch p := f.Type().In(i); {
		case own[i] != nil:
			in[i] = reflect.ValueOf(own[i])
		case p == contextType:
			in[i] = reflect.ValueOf(context.Background())
		default:
			in[i] = reflect.Zero(p)
		}
	}
	out := f.Call(in)
	if len(out) == 0 {
		return nil, nil
	}
	switch last := out[len(out)-1].Interface().(type) {
	case nil:
	case error:
		err = last
	default:
		err = fmt.Errorf("%v", last) // of a function without an error
	}
	return nil, err
}
