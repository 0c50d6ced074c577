package torchfile

import "errors"

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// popAny pops a value or a mark.
func (m *machine) popAny() (any, error) {
	v, err := take(&m.stack, 1)
	if err != nil {
		return nil, err
	}
	return v[0], nil
}

// pop pops a value.
func (m *machine) pop() (any, error) {
	v, err := m.take(1)
	if err != nil {
		return nil, err
	}
	return v[0], nil
}

// take pops n values, none of which is a mark.
func (m *machine) take(n int) ([]any, error) {
	values, err := take(&m.stack, n)
	for _, v := range values {
		if _, ok := v.(mark); ok {
			return nil, errStack
		}
	}
	return values, err
}

// top returns the topmost value without removing it.
func (m *machine) top() (any, error) {
	v, err := m.pop()
	if err == nil {
		m.push(v)
	}
	return v, err
}

// popMark pops the values above the topmost mark, and the mark.
func (m *machine) popMark() ([]any, error) {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if _, ok := m.stack[i].(mark); ok {
			values, err := take(&m.stack, len(m.stack)-i)
			return values[1:], err
		}
	}
	return nil, errStack
}

var errStack = errors.New("its pickle takes from an empty stack")

// take removes the last n values and returns a copy of them.
func take(stack *[]any, n int) ([]any, error) {
	at := len(*stack) - n
	if at < 0 {
		return nil, errStack
	}
	values := append([]any(nil), (*stack)[at:]...)
	clear((*stack)[at:])
	*stack = (*stack)[:at]
	return values, nil
}
