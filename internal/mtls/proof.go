package mtls

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// How long after a write of the mesh nothing is judged. A certificate that was
// renewed just before the control plane noticed the write is from the old pair,
// and what the control plane notes of its proxies is up to 12 s old. A global
// control plane has it from its zones, 4 s later.
const (
	judgeAfter       = 15 * time.Second
	judgeAfterGlobal = 20 * time.Second
	// skew is how far the clocks of a control plane's instances may be apart.
	skew = 10 * time.Second
	// rejecting is how long a proxy may reject before the rollout stops: the
	// control plane sends again every 5 s.
	rejecting = 30 * time.Second
)

// A write is one own write of a mesh that changed its CA.
type write struct {
	modified time.Time        // the mesh's modification time, read back
	before   []kuma.Dataplane // the proxies just before it, nil if that is not known
}

// A waiting proxy is one that is not seen to have what a write brought.
type waiting struct {
	name, why string
	rejects   bool
}

// missing lists the online proxies that are not seen to have the identity and
// the trust bundle of a write, which travel together. A proxy has them when all
// hold (contract, what a client can be sure of): a certificate was made for it
// after the write, the control plane has noted what the proxy said since, and
// the proxy acknowledged secrets and rejected none.
func (w write) missing(now []kuma.Dataplane) []waiting {
	var list []waiting
	for _, proxy := range now {
		if !proxy.Online {
			continue
		}
		if why, rejects := w.lacks(proxy); why != "" {
			list = append(list, waiting{proxy.Name, why, rejects})
		}
	}
	return list
}

func (w write) lacks(proxy kuma.Dataplane) (why string, rejects bool) {
	var before *kuma.Dataplane
	if i := slices.IndexFunc(w.before, func(d kuma.Dataplane) bool { return d.Name == proxy.Name && d.Zone == proxy.Zone }); i >= 0 {
		before = &w.before[i]
	}
	same := before != nil && before.Subscription == proxy.Subscription
	switch rejected := proxy.Secrets.Rejected; {
	case same && rejected > before.Secrets.Rejected, !same && rejected > 0:
		return "it rejects the certificates that it is sent", true
	case proxy.Certificate == nil:
		return "no certificate of it is known yet", false
	case !w.issuedAfter(proxy, before):
		return fmt.Sprintf("its certificate is of %s, before the change", proxy.Certificate.Issued.UTC().Format(time.RFC3339)), false
	case proxy.LastUpdate.Before(proxy.Certificate.Issued):
		return "what it said to its new certificate is not known yet", false
	case proxy.Total.Sent != proxy.Total.Acknowledged+proxy.Total.Rejected:
		return fmt.Sprintf("it has acknowledged %d of %d messages", proxy.Total.Acknowledged, proxy.Total.Sent), false
	case same && proxy.Secrets.Acknowledged <= before.Secrets.Acknowledged, !same && proxy.Secrets.Acknowledged == 0:
		return "it has not acknowledged its new certificate", false
	}
	return "", false
}

// issuedAfter tells whether a proxy's certificate was made after the write. On
// another instance's clock it may look somewhat older, but then it must at
// least have changed.
func (w write) issuedAfter(proxy kuma.Dataplane, before *kuma.Dataplane) bool {
	issued := proxy.Certificate.Issued
	changed := before != nil && before.Certificate != nil && !before.Certificate.Issued.Equal(issued)
	return issued.After(w.modified) || changed && issued.After(w.modified.Add(-skew))
}

// offline are the names of the proxies that were connected once and are not now.
func offline(proxies []kuma.Dataplane) []string {
	var names []string
	for _, proxy := range proxies {
		if !proxy.Online && proxy.Subscription != "" {
			names = append(names, proxy.Name)
		}
	}
	return names
}

func online(proxies []kuma.Dataplane) int {
	n := 0
	for _, proxy := range proxies {
		if proxy.Online {
			n++
		}
	}
	return n
}

// some lists names, not more than a person reads.
func some(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
