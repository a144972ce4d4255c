package kumatest

import "encoding/json"

// A condition is an entry of the status of a MeshIdentity.
type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// An identityState is what the control plane uses of a MeshIdentity for proxies. It takes the spec as it is now, and
// from the status whether the identity was ready at the last reconciliation, of an earlier spec perhaps.
type identityState struct {
	identitySpec
	resource *resource
	// ready means that the provider issues certificates for the proxies that the identity selects.
	ready bool
	// announced means that the identity has no provider: it issues nothing, but services list its SPIFFE IDs.
	announced bool
}

// identityStateOf returns the state of a MeshIdentity. That of one without a status is neither ready nor announced.
func identityStateOf(identity *resource) identityState {
	state := identityState{identitySpec: identitySpecOf(identity), resource: identity}
	for _, c := range conditionsOf(identity) {
		if c.Type == readyCondition {
			state.ready = c.Status == "True"
			state.announced = c.Reason == partiallyReady
		}
	}
	return state
}

// conditionsOf returns the conditions in the status of a MeshIdentity, none before the first reconciliation.
func conditionsOf(identity *resource) []condition {
	var status struct {
		Conditions []condition `json:"conditions"`
	}
	if len(identity.status) == 0 {
		return nil
	}
	if err := json.Unmarshal(identity.status, &status); err != nil {
		panic(err) // the control plane has written it
	}
	return status.Conditions
}
