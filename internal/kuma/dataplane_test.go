package kuma

import (
	"net/http"
	"testing"
	"time"
)

// overview is what a control plane says of three proxies, one that is
// connected, one that is not any more, and one that never was.
const overview = `{"total": 3, "next": null, "items": [
  {"type": "DataplaneOverview", "mesh": "m", "name": "dp-1", "labels": {"kuma.io/zone": "east", "kuma.io/display-name": "web-1"},
   "dataplane": {"networking": {"inbound": [{"tags": {"kuma.io/service": "web"}}, {"tags": {"kuma.io/service": "admin", "version": "v1"}}]}},
   "dataplaneInsight": {
     "subscriptions": [
       {"id": "old", "connectTime": "2025-12-31T23:59:59Z", "disconnectTime": "2026-01-01T00:00:00Z", "status": {
         "total": {"responsesSent": "4", "responsesAcknowledged": "4"}, "cds": {"responsesSent": "1", "responsesAcknowledged": "1"},
         "eds": {"responsesSent": "1", "responsesAcknowledged": "1"}, "lds": {"responsesSent": "1", "responsesAcknowledged": "1"}}},
       {"id": "new", "status": {
         "lastUpdateTime": "2026-01-02T00:00:10.5Z",
         "total": {"responsesSent": "9", "responsesAcknowledged": "7", "responsesRejected": "2"},
         "cds": {"responsesSent": "1", "responsesAcknowledged": "1"}, "eds": {"responsesSent": "2", "responsesAcknowledged": "2"},
         "lds": {"responsesSent": "1", "responsesAcknowledged": "1"}, "rds": {}},
        "version": {"kumaDp": {"version": "2.14.3"}, "envoy": {"version": "1.37.0"}}}],
     "mTLS": {"certificateExpirationTime": "2026-01-03T00:00:00Z", "lastCertificateRegeneration": "2026-01-02T00:00:01.25Z", "issuedBackend": "ca-1"}}},
  {"type": "DataplaneOverview", "mesh": "m", "name": "dp-2", "dataplane": {"networking": {"gateway": {"tags": {"kuma.io/service": "gate", "kuma.io/zone": "west"}}}},
   "dataplaneInsight": {"subscriptions": [{"id": "x", "disconnectTime": "2026-01-01T00:00:00Z"}]}},
  {"type": "DataplaneOverview", "mesh": "m", "name": "dp-3", "dataplane": {"networking": {}}}
]}`

func TestDataplanes(t *testing.T) {
	t.Parallel()
	client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) { reply(w, http.StatusOK, overview) })
	list, err := client.Dataplanes(t.Context(), "m")
	noError(t, err)
	equal(t, "the path", rec.all()[0].path, "/meshes/m/dataplanes/_overview")
	equal(t, "how many", len(list), 3)
	one := list[0]
	equal(t, "its own name", one.Name, "web-1")
	equal(t, "its zone", one.Zone, "east")
	equal(t, "its services", len(one.Tags["kuma.io/service"]), 2)
	equal(t, "online", one.Online, true)
	equal(t, "subscription", one.Subscription, "new")
	equal(t, "all responses", one.Total, Responses{Sent: 9, Acknowledged: 7, Rejected: 2})
	equal(t, "secrets", one.Secrets, Responses{Sent: 5, Acknowledged: 3, Rejected: 2})
	equal(t, "last update", one.LastUpdate, time.Date(2026, 1, 2, 0, 0, 10, 5e8, time.UTC))
	equal(t, "certificate", *one.Certificate, DataplaneCertificate{
		Issued: time.Date(2026, 1, 2, 0, 0, 1, 25e7, time.UTC), Expires: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC), Backend: "ca-1",
	})
	equal(t, "version", one.Version+" "+one.Envoy, "2.14.3 1.37.0")
	equal(t, "a gateway's zone", list[1].Zone, "west")
	equal(t, "when one left", list[1].Disconnected.IsZero(), false)
	equal(t, "the connection before", *one.Ended, EndedConnection{Connected: time.Date(2025, 12, 31, 23, 59, 59, 0, time.UTC), Secrets: Responses{Sent: 1, Acknowledged: 1}})
	equal(t, "the connection of one that left", *list[1].Ended, EndedConnection{})
	equal(t, "one that left", list[1].Online || list[1].Subscription != "x" || list[1].Certificate != nil, false)
	equal(t, "one that never came", list[2].Online || list[2].Subscription != "" || list[2].Ended != nil, false)
}

func TestZones(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, func(_ int, w http.ResponseWriter, _ call) {
		reply(w, http.StatusOK, `{"total": 5, "next": null, "items": [
			{"type": "ZoneOverview", "name": "here", "zone": {}, "zoneInsight": {"subscriptions": [{"disconnectTime": "2026-01-01T00:00:00Z"},
				{"id": "x", "status": {"stat": {"Mesh": {"responsesSent": "13", "responsesAcknowledged": "12"}}}}]}},
			{"type": "ZoneOverview", "name": "gone", "zone": {"enabled": true}, "zoneInsight": {"subscriptions": [{"id": "y", "disconnectTime": "2026-01-01T00:00:00Z"}]}},
			{"type": "ZoneOverview", "name": "switched off", "zone": {"enabled": false}, "zoneInsight": {"subscriptions": []}},
			{"type": "ZoneOverview", "name": "lost", "zone": {}, "zoneInsight": {"subscriptions": []}},
			{"type": "ZoneOverview", "name": "never there", "zone": {}}]}`)
	})
	zones, err := client.Zones(t.Context())
	noError(t, err)
	equal(t, "how many", len(zones), 3)
	equal(t, "one that is connected", zones[0], Zone{Name: "here", Online: true, Subscription: "x", Meshes: Responses{Sent: 13, Acknowledged: 12}})
	equal(t, "one that left", zones[1], Zone{Name: "gone", Subscription: "y", Disconnected: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	equal(t, "one of which nothing is known", zones[2], Zone{Name: "lost"})
}

// The identifier of a MeshIdentity contains its name. A backend can have any name.
func TestDataplaneCertificate_identity(t *testing.T) {
	for backend, want := range map[string]string{
		"kri_mid_payments_east__identity-1_": "identity-1", "kri_mid_payments___all.of-them_": "all.of-them", "kri_mid_pay_ments_east__identity-1_": "identity-1",
		"ca-1": "", "kri_mid": "", "kri_mid_payments_identity-1_": "", "kri_mtrust_payments___identity-1_": "", "": "",
	} {
		if got := (&DataplaneCertificate{Backend: backend}).Identity(); got != want {
			t.Errorf("%s: %q, want %q", backend, got, want)
		}
	}
}
