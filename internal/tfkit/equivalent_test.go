package tfkit

import "testing"

func TestSameExpiration(t *testing.T) {
	for _, pair := range [][2]string{{"1d", "24h"}, {"0", "0s"}, {"7d", "1w"}} {
		if !SameExpiration(pair[0], pair[1]) {
			t.Errorf("%q and %q are different", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"1d", "25h"}, {"", "0"}, {"x", "y"}, {"1d", ""}} {
		if SameExpiration(pair[0], pair[1]) {
			t.Errorf("%q and %q are the same", pair[0], pair[1])
		}
	}
}
