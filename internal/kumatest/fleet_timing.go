package kumatest

import "time"

// How long actions of a control plane take, as measured: on two cores, with default intervals.
const (
	// A change of the mesh is noticed when the entry in the store's cache expires, after at most a second. Then the
	// control plane checks each proxy once a second, each at its own time. Together with issuing and sending: 0.09 to
	// 2.13 s from the write to three proxies, the last one at most 1.03 s after the first. These are shares of the
	// intervals.
	noticeMost = 0.98 // of the store's cache
	tickMost   = 0.92 // of the refresh of proxies

	// A zone gets a write on its global control plane after 0.05 to 2 s, mostly because of the cache there. In 3 of 24
	// rounds, a mesh and a secret arrived 1 s apart, in either order. Then the zone's own caches add up: 0.5 to 3.9 s
	// to 75 proxies.
	sentLeast, sentMost                 = 20 * time.Millisecond, 60 * time.Millisecond
	syncedNoticeLeast, syncedNoticeMost = 350 * time.Millisecond, time.Second
	syncedUpLeast, syncedUpMost         = 100 * time.Millisecond, 3900 * time.Millisecond // an insight, from zone to global

	// A proxy that connects is served after 0.07 to 0.33 s. A release that checks it for the first time after the first
	// interval takes 1.04 to 1.33 s.
	connectLeast, connectMost = time.Duration(0), 220 * time.Millisecond

	// Two cores issue 25 certificates a second.
	issuers   = 2
	issueTime = 80 * time.Millisecond

	// From a MeshIdentity: 60 proxies with RSA keys had the last certificate after 5 to 13 s. A proxy that connects has
	// its secrets after 0.4 to 1 s.
	issueTimeEC                         = 5 * time.Millisecond
	issueTimeRSA                        = 200 * time.Millisecond
	firstSecretsLeast, firstSecretsMost = 350 * time.Millisecond, 700 * time.Millisecond
	identityCacheAge                    = 5 * time.Second // of the CA of an identity
	serviceInterval                     = 5 * time.Second // at which MeshServices are updated

	sendLeast, sendMost = 5 * time.Millisecond, 20 * time.Millisecond // one way between control plane and proxy
	resendTime          = 5 * time.Second                             // from a rejected response to the next

	lastFlush      = 100 * time.Millisecond // from a disconnection to its insight
	heartbeat      = 150 * time.Second      // of the generation of a subscription (half of the idle timeout)
	startMost      = 920 * time.Millisecond // from the start of a zone to the last of its proxies
	meshInsightMax = 1100 * time.Millisecond

	// A failed issuance is retried after 5 s, and then after about twice as long each time. Ten proxies for which it
	// failed stop it for the whole mesh.
	retryTime    = 5 * time.Second
	retryMost    = 5 * time.Minute
	retryOld     = time.Second // for a release without backoff
	failuresMost = 10
	limiterTime  = 5 * time.Minute

	keepaliveLeast  = 16 * time.Second // until the connection of a zone that hangs ends: 17 s, and once more than 25 s
	keepaliveMost   = 30 * time.Second
	reconnectMost   = 4 * time.Second // until such a zone reconnects: 3.5 s
	idleTimeout     = 5 * time.Minute // of a subscription whose control plane was killed, once or twice
	zoneStreamsMost = 10              // of a zone are reported
	defaultLifetime = 24 * time.Hour  // of an identity
	clockSkew       = 10 * time.Second
)
