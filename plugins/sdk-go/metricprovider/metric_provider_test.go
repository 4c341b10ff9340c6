package metricprovider

import (
	"math"
	"testing"
)

func TestNumbersThatJSONDoesNotHaveAreTexts(t *testing.T) {
	for _, one := range []struct {
		given any
		text  string
	}{
		{1.5, "1.5"}, {3, "3"}, {math.NaN(), `"NaN"`}, {math.Inf(1), `"+Inf"`}, {math.Inf(-1), `"-Inf"`}, {[]int{1, 2}, "[1,2]"},
	} {
		if made, err := Of(one.given); err != nil || string(made.Value) != one.text || made.Phase != Measured {
			t.Error(one.text, made, err)
		}
	}
	if _, err := Of(func() {}); err == nil {
		t.Error("a function is no value")
	}
}
