package kumatest_test

import (
	"testing"
	"time"
)

// BenchmarkRotation is three steps with 200 proxies which all verify one another at each moment that something happens,
// and whose overviews are read once a second.
func BenchmarkRotation(b *testing.B) {
	for b.Loop() {
		t := &testing.T{}
		r := newRotation(t, 200)
		tried, refused := r.refused()
		for _, step := range []struct {
			pair  string
			key   *authority
			chain []*authority
		}{{"trust", r.a, []*authority{r.a, r.b}}, {"issue", r.b, []*authority{r.b, r.a}}, {"drop", r.b, []*authority{r.b}}} {
			r.putPair(step.pair, step.key, step.chain...)
			r.pass(2 * time.Second)
			r.putMesh(step.pair)
			for range 25 {
				r.pass(time.Second)
				r.Do("GET", "/meshes/m/dataplanes/_overview?size=1000", nil)
			}
			r.allMustHold(step.key, step.chain...)
		}
		if *tried == 0 || *refused > 0 {
			b.Fatalf("%d of %d refused", *refused, *tried)
		}
	}
}
