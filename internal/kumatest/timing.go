package kumatest

import "time"

// How long what a control plane does by itself takes, as it was measured: on two cores, with default intervals.
const (
	// A change of the mesh is noticed through a cache a second old. Then each proxy is looked at once a second,
	// each in its own time. Together with issuing and sending: 0.09 to 2.13 s from the put to three proxies, the
	// last at most 1.03 s after the first.
	noticeLeast, noticeMost = time.Duration(0), 980 * time.Millisecond
	tickLeast, tickMost     = time.Duration(0), 920 * time.Millisecond

	// A zone gets from a global control plane what was written there. Together with the above 1.6 to 3.7 s. Meshes
	// and secrets come apart, so that a mesh may come before a secret that was put right before it.
	syncedMeshLeast, syncedMeshMost     = 1510 * time.Millisecond, 2500 * time.Millisecond
	syncedSecretLeast, syncedSecretMost = 500 * time.Millisecond, 2200 * time.Millisecond
	syncedUpLeast, syncedUpMost         = 100 * time.Millisecond, 3900 * time.Millisecond // an insight, from zone to global

	// A proxy that connects is served after 0.14 to 0.3 s.
	connectLeast, connectMost = 50 * time.Millisecond, 180 * time.Millisecond

	// Two cores make 25 certificates a second.
	issuers   = 2
	issueTime = 80 * time.Millisecond

	sendLeast, sendMost = 5 * time.Millisecond, 20 * time.Millisecond // one way between control plane and proxy
	resendTime          = 5 * time.Second                             // from a refused response to the next

	flushInterval  = 10 * time.Second       // of the insight of one proxy, from when it connected
	lastFlush      = 100 * time.Millisecond // from a disconnection to its insight
	heartbeat      = 150 * time.Second      // of the generation of a subscription (half of the idle timeout)
	meshInsightMax = 1100 * time.Millisecond

	// A failed issuance is tried again after 5 s, and after twice as long each further time, more or less. Ten proxies
	// for which it failed stop it for all of a mesh.
	retryTime    = 5 * time.Second
	retryMost    = 5 * time.Minute
	retryOld     = time.Second // of a release that does not back off
	failuresMost = 10
	limiterTime  = 5 * time.Minute

	defaultLifetime = 24 * time.Hour // of an identity
	clockSkew       = 10 * time.Second
)
