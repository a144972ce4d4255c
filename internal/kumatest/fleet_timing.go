package kumatest

import "time"

// How long what a control plane does by itself takes, as it was measured: on two cores, with default intervals.
const (
	// A change of the mesh is noticed when the store's cache ends, which is a second old at most. Then each proxy is
	// looked at once a second, each in its own time. Together with issuing and sending: 0.09 to 2.13 s from the put to
	// three proxies, the last at most 1.03 s after the first. These are shares of the intervals.
	noticeMost = 0.98 // of the store's cache
	tickMost   = 0.92 // of the refresh of proxies

	// A zone gets from a global control plane what was written there after 0.05 to 2 s, of which most is the cache there.
	// In 3 of 24 rounds a mesh and a secret came apart by 1 s, either first. Then the zone's own caches come: 0.5 to 3.9 s to
	// 75 proxies.
	sentLeast, sentMost                 = 20 * time.Millisecond, 60 * time.Millisecond
	syncedNoticeLeast, syncedNoticeMost = 350 * time.Millisecond, time.Second
	syncedUpLeast, syncedUpMost         = 100 * time.Millisecond, 3900 * time.Millisecond // an insight, from zone to global

	// A proxy that connects is served after 0.07 to 0.33 s; by a release that looks at it for the first time when the first
	// interval is over, after 1.04 to 1.33 s.
	connectLeast, connectMost = time.Duration(0), 220 * time.Millisecond

	// Two cores make 25 certificates a second.
	issuers   = 2
	issueTime = 80 * time.Millisecond

	sendLeast, sendMost = 5 * time.Millisecond, 20 * time.Millisecond // one way between control plane and proxy
	resendTime          = 5 * time.Second                             // from a refused response to the next

	lastFlush      = 100 * time.Millisecond // from a disconnection to its insight
	heartbeat      = 150 * time.Second      // of the generation of a subscription (half of the idle timeout)
	startMost      = 920 * time.Millisecond // from the start of a zone to the last of its proxies
	meshInsightMax = 1100 * time.Millisecond

	// A failed issuance is tried again after 5 s, and after twice as long each further time, more or less. Ten proxies
	// for which it failed stop it for all of a mesh.
	retryTime    = 5 * time.Second
	retryMost    = 5 * time.Minute
	retryOld     = time.Second // of a release that does not back off
	failuresMost = 10
	limiterTime  = 5 * time.Minute

	keepaliveLeast  = 16 * time.Second // until the connection of a zone that hangs ends: 17 s, and once more than 25 s
	keepaliveMost   = 30 * time.Second
	reconnectMost   = 4 * time.Second // until such a zone connects anew: 3.5 s
	idleTimeout     = 5 * time.Minute // of a subscription whose control plane was killed, once or twice
	zoneStreamsMost = 10              // of a zone are told of
	defaultLifetime = 24 * time.Hour  // of an identity
	clockSkew       = 10 * time.Second
)
