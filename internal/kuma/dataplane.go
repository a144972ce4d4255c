package kuma

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Dataplane is a data plane proxy and its status on the control plane
// (recording "rotation", `/meshes/M/dataplanes/_overview`).
type Dataplane struct {
	// Name is the proxy's own name, even if a global control plane has a longer
	// one.
	Name string
	// Zone is the zone of the proxy, or "" if that is unknown.
	Zone string
	// Labels are those of the Dataplane.
	Labels map[string]string
	// Tags are the tags of all its inbounds, or of its gateway.
	Tags map[string][]string
	// Online reports whether it is connected. If it never was, all fields below
	// are empty.
	Online bool
	// Subscription is the ID of its last connection, which began at Connected
	// and ended at Disconnected (zero while Online), by the control plane's
	// clock.
	Subscription            string
	Connected, Disconnected time.Time
	// Ended is its last connection that ended, nil if none is known. While Online it
	// is the one before.
	Ended *EndedConnection
	// LastUpdate is the time at which the control plane last recorded an
	// acknowledgment.
	LastUpdate time.Time
	// Total counts all responses to it, Secrets those with its certificate and
	// the trusted CAs.
	Total, Secrets Responses
	// Version is the version of the data plane, Envoy that of the proxy itself.
	Version, Envoy string
	// Certificate is nil until the control plane has recorded one.
	Certificate *DataplaneCertificate
}

// EndedConnection is what the control plane noted of a connection as it ended.
type EndedConnection struct {
	// Connected is when it began, by the control plane's clock.
	Connected time.Time
	// Secrets counts the responses with certificates that were sent over it.
	Secrets Responses
}

// Responses counts the responses over a connection, and their results.
type Responses struct {
	Sent, Acknowledged, Rejected uint64
}

// DataplaneCertificate is the status of a proxy's certificate. It does not name
// the CA.
type DataplaneCertificate struct {
	// Issued is the time of issuance, by the clock of the control plane that
	// issued it.
	Issued time.Time
	// Expires is its expiry date, in whole seconds.
	Expires time.Time
	// Backend is the name of the mTLS backend that issued it, or the identifier of
	// the MeshIdentity.
	Backend string
}

// Identity returns the name of the MeshIdentity that issued the certificate, or
// "" if an mTLS backend did.
func (c *DataplaneCertificate) Identity() string { return identityName(c.Backend) }

// Dataplanes returns all proxies of a mesh. The error is [Absent] if the mesh
// does not exist. The caller may change the result.
func (c *Client) Dataplanes(ctx context.Context, mesh string) ([]Dataplane, error) {
	shared, err := c.DataplanesAsOf(ctx, mesh, anew)
	return slices.Clone(shared), err
}

// DataplanesAsOf is [Client.Dataplanes] with an answer that may be older. The
// result is shared: do not change it.
func (c *Client) DataplanesAsOf(ctx context.Context, mesh string, age MaxAge) ([]Dataplane, error) {
	of := key{path: meshPath(mesh) + "/dataplanes/_overview", kind: "DataplaneOverview", mesh: mesh}
	return share(ctx, c, of.path, age, func() ([]Dataplane, error) {
		documents, err := httpStore{c}.list(ctx, of, age)
		if err != nil {
			return nil, err
		}
		all := make([]Dataplane, len(documents))
		for i, document := range documents {
			if all[i], err = parseDataplane(document.Bytes()); err != nil {
				return nil, fmt.Errorf("overview of the data plane proxies: %w", err)
			}
		}
		return all, nil
	})
}

// DeletesInUse reports whether the control plane deletes objects in use, such
// as a mesh with proxies (its setting store.unsafeDelete, off by default). It
// returns false if the control plane does not show its configuration.
func (c *Client) DeletesInUse(ctx context.Context) bool {
	config, err := c.getDocument(ctx, "config", nil)
	if err != nil {
		return false
	}
	unsafe, err := valueAt[bool](config, "store", "unsafeDelete")
	return err == nil && unsafe
}

// counters are those of one kind of response; the API has them as strings.
type counters struct {
	Sent         uint64 `json:"responsesSent,string"`
	Acknowledged uint64 `json:"responsesAcknowledged,string"`
	Rejected     uint64 `json:"responsesRejected,string"`
}

func (c *counters) add(other counters, sign int64) {
	c.Sent += uint64(sign) * other.Sent                 //nolint:gosec // the total is the sum of the others
	c.Acknowledged += uint64(sign) * other.Acknowledged //nolint:gosec // likewise
	c.Rejected += uint64(sign) * other.Rejected         //nolint:gosec // likewise
}

// A subscription is one connection of a proxy, as its insight has it.
type subscription struct {
	ID             string     `json:"id"`
	ConnectTime    time.Time  `json:"connectTime"`
	DisconnectTime *time.Time `json:"disconnectTime"`
	Status         struct {
		LastUpdateTime            time.Time
		Total, CDS, EDS, LDS, RDS counters
	}
	Version struct {
		KumaDp, Envoy struct{ Version string }
	}
}

// secrets returns the responses that are of no other kind (contract, rotation 4).
func (s *subscription) secrets() Responses {
	secrets := s.Status.Total
	for _, other := range []counters{s.Status.CDS, s.Status.EDS, s.Status.LDS, s.Status.RDS} {
		secrets.add(other, -1)
	}
	return Responses(secrets)
}

func parseDataplane(item json.RawMessage) (Dataplane, error) {
	var overview struct {
		Name      string            `json:"name"`
		Labels    map[string]string `json:"labels"`
		Dataplane struct {
			Networking struct {
				Inbound []struct{ Tags map[string]string }
				Gateway *struct{ Tags map[string]string }
			}
		}
		Insight struct {
			Subscriptions []subscription
			MTLS          *struct {
				Expires time.Time `json:"certificateExpirationTime"`
				Issued  time.Time `json:"lastCertificateRegeneration"`
				Backend string    `json:"issuedBackend"`
			} `json:"mTLS"`
		} `json:"dataplaneInsight"`
	}
	if err := decode(item, &overview); err != nil {
		return Dataplane{}, err
	}
	d := Dataplane{Name: overview.Name, Zone: overview.Labels["kuma.io/zone"], Labels: overview.Labels, Tags: map[string][]string{}}
	if own := overview.Labels["kuma.io/display-name"]; own != "" {
		d.Name = own
	}
	for _, inbound := range overview.Dataplane.Networking.Inbound {
		d.addTags(inbound.Tags)
	}
	if gateway := overview.Dataplane.Networking.Gateway; gateway != nil {
		d.addTags(gateway.Tags)
	}
	if zones := d.Tags["kuma.io/zone"]; d.Zone == "" && len(zones) > 0 { // version 2.7 has no label for it
		d.Zone = zones[0]
	}
	if m := overview.Insight.MTLS; m != nil {
		d.Certificate = &DataplaneCertificate{Issued: m.Issued, Expires: m.Expires, Backend: m.Backend}
	}
	if n := len(overview.Insight.Subscriptions); n > 0 {
		last := overview.Insight.Subscriptions[n-1]
		d.Online = last.DisconnectTime == nil
		d.Connected = last.ConnectTime
		if !d.Online {
			d.Disconnected = *last.DisconnectTime
		}
		d.Subscription, d.LastUpdate = last.ID, last.Status.LastUpdateTime
		d.Version, d.Envoy = last.Version.KumaDp.Version, last.Version.Envoy.Version
		d.Total, d.Secrets = Responses(last.Status.Total), last.secrets()
	}
	for _, s := range overview.Insight.Subscriptions {
		if s.DisconnectTime != nil {
			d.Ended = &EndedConnection{Connected: s.ConnectTime, Secrets: s.secrets()}
		}
	}
	return d, nil
}

func (d *Dataplane) addTags(tags map[string]string) {
	for name, value := range tags {
		d.Tags[name] = append(d.Tags[name], value)
	}
}
