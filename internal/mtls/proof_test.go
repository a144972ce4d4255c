package mtls

import (
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// Each condition of the proof alone keeps a proxy from counting as done.
func TestProof(t *testing.T) {
	t.Parallel()
	put := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	before := func() kuma.Dataplane {
		return kuma.Dataplane{
			Name: "dp", Zone: "east", Online: true, Subscription: "s1", LastUpdate: put.Add(-time.Hour),
			Total: kuma.Responses{Sent: 8, Acknowledged: 8}, Secrets: kuma.Responses{Sent: 2, Acknowledged: 2},
			Certificate: &kuma.DataplaneCertificate{Issued: put.Add(-time.Hour)},
		}
	}
	done := func() kuma.Dataplane {
		d := before()
		d.LastUpdate = put.Add(3 * time.Second)
		d.Total, d.Secrets = kuma.Responses{Sent: 10, Acknowledged: 10}, kuma.Responses{Sent: 4, Acknowledged: 4}
		d.Certificate = &kuma.DataplaneCertificate{Issued: put.Add(time.Second)}
		return d
	}
	for name, test := range map[string]struct {
		change func(before, now *kuma.Dataplane)
		want   string // "" is done
		reject bool
	}{
		"done":                          {func(_, _ *kuma.Dataplane) {}, "", false},
		"offline":                       {func(_, now *kuma.Dataplane) { now.Online = false; now.Certificate = nil }, "", false},
		"no certificate known":          {func(_, now *kuma.Dataplane) { now.Certificate = nil }, "no certificate", false},
		"certificate of before":         {func(b, now *kuma.Dataplane) { now.Certificate.Issued = b.Certificate.Issued }, "before the change", false},
		"just before, on another clock": {func(_, now *kuma.Dataplane) { now.Certificate.Issued = put.Add(-5 * time.Second) }, "", false},
		"long before, and changed":      {func(_, now *kuma.Dataplane) { now.Certificate.Issued = put.Add(-time.Minute) }, "before the change", false},
		"not noted since":               {func(_, now *kuma.Dataplane) { now.LastUpdate = put }, "not known yet", false},
		"messages on their way":         {func(_, now *kuma.Dataplane) { now.Total.Sent++ }, "10 of 11 messages", false},
		"secrets not acknowledged":      {func(_, now *kuma.Dataplane) { now.Secrets = kuma.Responses{Sent: 2, Acknowledged: 2} }, "not acknowledged its new", false},
		"rejected": {func(_, now *kuma.Dataplane) {
			now.Secrets.Rejected, now.Total.Rejected, now.Total.Acknowledged = 2, 2, 8
		}, "rejects", true},
		"rejected long ago": {func(b, now *kuma.Dataplane) {
			b.Secrets.Rejected, now.Secrets.Rejected = 2, 2
			now.Total.Rejected, now.Total.Sent = 2, 12
		}, "", false},
		"reconnected": {func(_, now *kuma.Dataplane) {
			now.Subscription, now.Secrets = "s2", kuma.Responses{Sent: 1, Acknowledged: 1}
		}, "", false},
		"reconnected, nothing yet": {func(_, now *kuma.Dataplane) {
			now.Subscription, now.Secrets = "s2", kuma.Responses{}
		}, "not acknowledged its new", false},
		"reconnected, rejects": {func(_, now *kuma.Dataplane) {
			now.Subscription, now.Secrets = "s2", kuma.Responses{Sent: 2, Acknowledged: 1, Rejected: 1}
		}, "rejects", true},
		"another proxy of that name": {func(_, now *kuma.Dataplane) { now.Zone, now.Secrets = "west", kuma.Responses{Sent: 1, Acknowledged: 1} }, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			was, now := before(), done()
			test.change(&was, &now)
			left := write{modified: put, before: []kuma.Dataplane{was}}.missing([]kuma.Dataplane{now})
			switch {
			case test.want == "" && len(left) > 0:
				t.Errorf("it counts as missing: %s", left[0].why)
			case test.want != "" && (len(left) != 1 || !strings.Contains(left[0].why, test.want) || left[0].rejects != test.reject):
				t.Errorf("got %+v", left)
			}
		})
	}
	// One that connected after the write has no before.
	late := done()
	late.Name, late.Secrets = "late", kuma.Responses{Sent: 1, Acknowledged: 1}
	if left := (write{modified: put}).missing([]kuma.Dataplane{late}); len(left) > 0 {
		t.Errorf("a proxy that came later: %+v", left)
	}
}
