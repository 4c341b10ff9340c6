// Package version reads versions of Kubernetes.
package version

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Version is a version of at least two numbers.
type Version struct{ numbers []uint }

var shape = regexp.MustCompile(`^\s*v?([0-9]+(?:\.[0-9]+)*)`)

// ParseGeneric reads `1.30`, `v1.30.2` or `v1.30.2-vendor.1`; what follows the numbers is not looked at.
func ParseGeneric(text string) (*Version, error) {
	found := shape.FindStringSubmatch(text)
	if found == nil {
		return nil, fmt.Errorf("could not parse %q as version", text)
	}
	parts := strings.Split(found[1], ".")
	if len(parts) < 2 {
		return nil, fmt.Errorf("illegal version string %q", text)
	}
	numbers := make([]uint, len(parts))
	for i, part := range parts {
		if len(part) > 1 && part[0] == '0' {
			return nil, fmt.Errorf("illegal zero-prefixed version component %q in %q", part, text)
		}
		number, err := strconv.ParseUint(part, 10, 0)
		if err != nil {
			return nil, fmt.Errorf("illegal non-numeric version component %q in %q: %v", part, text, err)
		}
		numbers[i] = uint(number)
	}
	return &Version{numbers}, nil
}

// Major is the first number.
func (v *Version) Major() uint { return v.numbers[0] }

// Minor is the second number.
func (v *Version) Minor() uint { return v.numbers[1] }

func (v *Version) String() string {
	words := make([]string, len(v.numbers))
	for i, number := range v.numbers {
		words[i] = strconv.FormatUint(uint64(number), 10)
	}
	return strings.Join(words, ".")
}
