package acctest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

func TestClock_withTimeout(t *testing.T) {
	clock := acctest.NewClock(time.Now())
	parent, cancelParent := context.WithCancel(t.Context())
	timed, cancelTimed := clock.WithTimeout(parent, time.Minute)
	child, cancelChild := context.WithCancel(timed)
	longer, cancelLonger := clock.WithTimeout(parent, time.Hour)
	cancelled, cancel := clock.WithTimeout(parent, time.Minute)
	defer cancelTimed()
	defer cancelChild()
	defer cancelLonger()
	cancel()

	if err := clock.Sleep(timed, 59*time.Second); err != nil {
		t.Fatalf("before the time is up: %v", err)
	}
	if err := clock.Sleep(timed, time.Second); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("when it is up: %v", err)
	}
	<-timed.Done()
	if <-child.Done(); !errors.Is(child.Err(), context.DeadlineExceeded) {
		t.Errorf("what is derived from it: %v", child.Err())
	}
	if err := cancelled.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	if err := longer.Err(); err != nil {
		t.Errorf("with more time: %v", err)
	}
	cancelParent()
	if <-longer.Done(); !errors.Is(longer.Err(), context.Canceled) {
		t.Errorf("cancelled from above: %v", longer.Err())
	}
}
