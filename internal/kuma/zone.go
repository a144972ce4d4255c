package kuma

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Zone is a zone of a global control plane, and its status (recording
// "rotation", `/zones/_overview`).
type Zone struct {
	Name string
	// Online reports whether the zone is connected. If not, the status of its
	// proxies is outdated.
	Online bool
	// Subscription is the ID of its last connection, which ended at
	// Disconnected (zero while Online).
	Subscription string
	Disconnected time.Time
	// Meshes counts the meshes that were sent to it, and Identities the
	// MeshIdentities.
	Meshes, Identities Responses
}

// Zones returns the enabled zones of a global control plane that have connected
// before.
func (c *Client) Zones(ctx context.Context) ([]Zone, error) {
	of := key{path: "zones/_overview", kind: "ZoneOverview"}
	documents, err := httpStore{c}.list(ctx, of, Fresh)
	if err != nil {
		return nil, err
	}
	var zones []Zone
	for _, document := range documents {
		zone, known, err := parseZone(document.Bytes())
		if err != nil {
			return nil, fmt.Errorf("overview of the zones: %w", err)
		}
		if known {
			zones = append(zones, zone)
		}
	}
	return zones, nil
}

func parseZone(item json.RawMessage) (zone Zone, known bool, err error) {
	var overview struct {
		Name    string
		Zone    struct{ Enabled *bool }
		Insight *struct {
			Subscriptions []struct {
				ID             string     `json:"id"`
				DisconnectTime *time.Time `json:"disconnectTime"`
				Status         struct {
					Stat struct{ Mesh, MeshIdentity counters }
				}
			} `json:"subscriptions"`
		} `json:"zoneInsight"`
	}
	if err := decode(item, &overview); err != nil {
		return Zone{}, false, err
	}
	zone.Name = overview.Name
	if overview.Zone.Enabled != nil && !*overview.Zone.Enabled || overview.Insight == nil {
		return zone, false, nil
	}
	if n := len(overview.Insight.Subscriptions); n > 0 {
		last := overview.Insight.Subscriptions[n-1]
		zone.Online, zone.Subscription = last.DisconnectTime == nil, last.ID
		zone.Meshes, zone.Identities = Responses(last.Status.Stat.Mesh), Responses(last.Status.Stat.MeshIdentity)
		if !zone.Online {
			zone.Disconnected = *last.DisconnectTime
		}
	}
	return zone, true, nil
}
