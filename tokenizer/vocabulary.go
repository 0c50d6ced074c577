package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// vocabulary maps tokens to ids. It is written in the order of ids.
type vocabulary map[string]int32

// id returns the id of a token, −1 if it isn't there.
func (v vocabulary) id(token string) int32 {
	if id, ok := v[token]; ok {
		return id
	}
	return -1
}

func (v *vocabulary) UnmarshalJSON(data []byte) error {
	var numbers map[string]json.Number
	if err := json.Unmarshal(data, &numbers); err != nil {
		return errors.New("its vocabulary is not an object of tokens and ids")
	}
	*v = make(vocabulary, len(numbers))
	for token, number := range numbers {
		id, err := number.Int64()
		if err != nil || id < 0 || id >= maxID {
			return fmt.Errorf("its token %s has the id %.40s, which is not a whole number in [0, %d)", shorten(token), number, maxID)
		}
		(*v)[token] = int32(id)
	}
	return nil
}

func (v vocabulary) MarshalJSON() ([]byte, error) {
	tokens := slices.SortedFunc(maps.Keys(v), func(a, b string) int { return cmp.Or(cmp.Compare(v[a], v[b]), strings.Compare(a, b)) })
	out := []byte{'{'}
	for i, token := range tokens {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := marshal(token)
		if err != nil {
			return nil, err
		}
		out = fmt.Appendf(append(out, key...), ":%d", v[token])
	}
	return append(out, '}'), nil
}

// unigramSpec is a Unigram model, whose vocabulary is a list of tokens and scores; the place of a token is its id.
type unigramSpec struct {
	Type         string        `json:"type"`
	UnkID        *int          `json:"unk_id"`
	Vocab        []scoredToken `json:"vocab"`
	ByteFallback bool          `json:"byte_fallback"`
	Bestiary     *extras       `json:"bestiary,omitempty"`
}

// scoredToken is [token, score].
type scoredToken struct {
	token string
	score float64
}

func (s *scoredToken) UnmarshalJSON(data []byte) error {
	var fields []json.RawMessage
	if json.Unmarshal(data, &fields) != nil || len(fields) != 2 || json.Unmarshal(fields[0], &s.token) != nil || json.Unmarshal(fields[1], &s.score) != nil {
		return fmt.Errorf("its vocabulary has %s, which is not a token with a score", shorten(string(data)))
	}
	return nil
}

func (s scoredToken) MarshalJSON() ([]byte, error) { return marshal([]any{s.token, s.score}) }

func (m *modelSpec) UnmarshalJSON(data []byte) error {
	if err := unmarshalType(data, &m.Type); err != nil || !slices.Contains(knownModels, m.Type) {
		return err
	}
	if m.Type != "Unigram" {
		type plain modelSpec
		return unmarshalStrictly(data, (*plain)(m))
	}
	var u unigramSpec
	if err := unmarshalStrictly(data, &u); err != nil {
		return err
	}
	m.UnkID, m.ByteFallback, m.Bestiary = u.UnkID, u.ByteFallback, u.Bestiary
	m.Vocab = make(vocabulary, len(u.Vocab))
	for id, s := range u.Vocab {
		if _, twice := m.Vocab[s.token]; twice {
			return fmt.Errorf("its vocabulary has %s twice", shorten(s.token))
		}
		if id >= maxID {
			return fmt.Errorf("its vocabulary has more than %d tokens", maxID)
		}
		m.Vocab[s.token] = int32(id)
		m.scores = append(m.scores, s.score)
	}
	return nil
}

func (m modelSpec) MarshalJSON() ([]byte, error) {
	if m.Type != "Unigram" {
		type plain modelSpec
		return marshal(plain(m))
	}
	u := unigramSpec{Type: m.Type, UnkID: m.UnkID, Vocab: make([]scoredToken, len(m.scores)), ByteFallback: m.ByteFallback, Bestiary: m.Bestiary}
	for token, id := range m.Vocab {
		u.Vocab[id] = scoredToken{token, m.scores[id]}
	}
	return marshal(u)
}
