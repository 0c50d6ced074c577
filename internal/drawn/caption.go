package drawn

import "strings"

// captions are the templates of captions. Each names all three colours; a bird without further words has its belly's colour.
var captions = [...]string{
	"a small {belly} bird with {wing} wings and {a bill} bill",
	"this bird has {wing} wings, {a belly} belly and {a bill} beak",
	"a bird with {a belly} belly, {wing} wings and {a bill} bill",
	"{a belly} bird with {wing} wings and {a bill} beak",
	"this little bird is {belly}, its wings are {wing} and its bill is {bill}",
	"the bird has {a bill} bill, {a belly} breast and belly, and {wing} wings",
	"a round bird with {a bill} beak, {wing} wings and {a belly} belly",
	"{wing} wings, {a belly} belly, {a bill} bill",
}

// Variants is the number of captions of a bird.
const Variants = len(captions)

// Caption returns a caption of the bird, which names the colours of wing, belly and bill. variant is taken modulo Variants.
func (b Bird) Caption(variant int) string {
	variant = (variant%Variants + Variants) % Variants
	return strings.NewReplacer(
		"{wing}", b.Wing.String(), "{belly}", b.Belly.String(), "{bill}", b.Bill.String(),
		"{a belly}", article(b.Belly), "{a bill}", article(b.Bill),
	).Replace(captions[variant])
}

// Captions returns all Variants captions.
func (b Bird) Captions() []string {
	all := make([]string, Variants)
	for v := range all {
		all[v] = b.Caption(v)
	}
	return all
}

// article returns the colour with its indefinite article.
func article(c Colour) string {
	name := c.String()
	if strings.ContainsRune("aeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}
