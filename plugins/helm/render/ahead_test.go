package render

import "testing"

// What is done ahead has to work, or no component is made.
func TestAheadWorks(t *testing.T) { Ahead() }
